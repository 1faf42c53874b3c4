//! One change for many subscribers, from the response to the last handler, on one thread.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler};
use consul_watch_actors::{Changed, Throttle, Watch, WatchSupervisor};
use criterion::Criterion;

use super::memory::{Memory, MemoryQuery};

/// Counts the updates that all its instances have handled.
struct Counter(Rc<Cell<usize>>);

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Changed<MemoryQuery>> for Counter {
    type Result = ();

    fn handle(&mut self, _: Changed<MemoryQuery>, _: &mut Context<Self>) {
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

/// Returns the time that `rounds` changes take, one after the other.
async fn changes(subscribers: usize, rounds: u64) -> Duration {
    let memory = Memory::new();
    let watches: Addr<WatchSupervisor<Memory>> = WatchSupervisor::new(memory.clone())
        .throttle(Throttle::new(1, Duration::ZERO))
        .arbiters(0)
        .start();
    let handled = Rc::new(Cell::new(0));
    for _ in 0..subscribers {
        let counter = Counter(Rc::clone(&handled)).start();
        assert!(
            matches!(
                watches.send(Watch::new(MemoryQuery, counter)).await,
                Ok(Ok(_))
            ),
            "it is watched"
        );
    }
    let all = async |rounds: usize| {
        while handled.get() < subscribers * rounds {
            tokio::task::yield_now().await;
        }
    };
    all(1).await;
    let start = Instant::now();
    for round in 1..=rounds {
        memory.change();
        all(usize::try_from(round).unwrap_or(usize::MAX) + 1).await;
    }
    start.elapsed()
}
