//! One change to many subscribers, from the answer to the last handler, on one thread.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler};
use consul_watch_actors::{
    Answer, Changed, Failure, Item, Outcome, Position, Query, Request, Source, Throttle, Watch, WatchPath,
    WatchSupervisor,
};
use criterion::Criterion;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;

/// A source whose one value is a number that the benchmark sets.
#[derive(Clone)]
struct Numbers(watch::Receiver<u64>);

impl Source for Numbers {
    type Client = watch::Receiver<u64>;

    fn connect(&self) -> Result<Self::Client, Failure> {
        Ok(self.0.clone())
    }
}

#[derive(Debug, PartialEq)]
struct Number(u64);

impl Item for Number {
    type Id<'a> = ();

    fn id(&self) {}

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct TheNumber;

impl Query for TheNumber {
    type Source = Numbers;
    type Value = Option<Arc<Number>>;

    fn path(&self) -> WatchPath {
        WatchPath::new("number", "the")
    }

    fn run(
        &self,
        client: &watch::Receiver<u64>,
        request: Request<Self::Value>,
    ) -> LocalBoxFuture<'static, Result<Answer<Self::Value>, Failure>> {
        let mut numbers = client.clone();
        let known = request.previous.and_then(|value| Some(value.as_ref().as_ref()?.0)).unwrap_or_default();
        async move {
            // The sender lives as long as the benchmark does.
            let number = numbers.wait_for(|number| *number > known).await.map_or(known, |number| *number);
            Ok(Answer {
                position: Position::Index(number),
                outcome: Outcome::Value(Some(Arc::new(Number(number)))),
                last_contact: None,
            })
        }
        .boxed_local()
    }
}

/// Counts what all of its kind have handled.
struct Counter(Rc<Cell<usize>>);

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Changed<TheNumber>> for Counter {
    type Result = ();

    fn handle(&mut self, _: Changed<TheNumber>, _: &mut Context<Self>) {
        self.0.set(self.0.get() + 1);
    }
}

pub(crate) fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out");
    for subscribers in [1, 100, 1_000] {
        group.bench_function(format!("one change to {subscribers}"), |bench| {
            bench.iter_custom(|rounds| {
                actix::System::new().block_on(async move { changes(subscribers, rounds).await })
            });
        });
    }
    group.finish();
}

/// How long so many changes take, one after the other.
async fn changes(subscribers: usize, rounds: u64) -> Duration {
    let (sender, receiver) = watch::channel(1);
    let watches: Addr<WatchSupervisor<Numbers>> = WatchSupervisor::new(Numbers(receiver))
        .throttle(Throttle::new(1, Duration::ZERO))
        .arbiters(0)
        .start();
    let handled = Rc::new(Cell::new(0));
    for _ in 0..subscribers {
        let counter = Counter(Rc::clone(&handled)).start();
        assert!(matches!(watches.send(Watch::new(TheNumber, counter)).await, Ok(Ok(_))), "it is watched");
    }
    let all = async |rounds: usize| {
        while handled.get() < subscribers * rounds {
            tokio::task::yield_now().await;
        }
    };
    all(1).await;
    let start = Instant::now();
    for round in 1..=rounds {
        let _ = sender.send(round + 1);
        all(usize::try_from(round).unwrap_or(usize::MAX) + 1).await;
    }
    start.elapsed()
}
