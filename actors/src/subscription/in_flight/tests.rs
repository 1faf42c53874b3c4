use std::{
    future::poll_fn,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use actix::prelude::{
    Actor, Arbiter, Context as ActorContext, Handler, Message, Recipient, ResponseFuture,
};
use tokio::{sync::Semaphore, time::timeout};

use super::*;

/// Ends a test that is stuck.
const DEADLINE: Duration = Duration::from_secs(20);

const SUBSCRIBERS: usize = 300;

#[derive(Message)]
#[rtype(result = "()")]
struct Update;

#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    gate: Option<Semaphore>,
}

struct Subscriber(Arc<Counts>);

impl Actor for Subscriber {
    type Context = ActorContext<Self>;
}

impl Handler<Update> for Subscriber {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Update, _: &mut ActorContext<Self>) -> Self::Result {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let counts = Arc::clone(&self.0);
        Box::pin(async move {
            if let Some(gate) = &counts.gate {
                gate.acquire().await.unwrap().forget();
            }
        })
    }
}

/// Actors on one arbiter, and the updates in flight to them.
struct Fixture {
    arbiter: Arbiter,
    counts: Arc<Counts>,
    subscribers: Vec<(SubscriptionId, Recipient<Update>)>,
    in_flight: InFlight,
}

/// An arbiter whose thread is blocked until this is dropped.
struct Blocked(#[expect(dead_code, reason = "it is dropped")] mpsc::Sender<()>);

impl Fixture {
    fn new(gate: Option<Semaphore>) -> Self {
        let arbiter = Arbiter::new();
        let counts = Arc::new(Counts {
            gate,
            ..Counts::default()
        });
        let start = |number| {
            let counts = Arc::clone(&counts);
            let subscriber =
                Subscriber::start_in_arbiter(&arbiter.handle(), |_| Subscriber(counts));
            (SubscriptionId(number), subscriber.recipient())
        };
        Self {
            subscribers: (0..).take(SUBSCRIBERS).map(start).collect(),
            arbiter,
            counts,
            in_flight: InFlight::default(),
        }
    }

    fn begun(&self) -> usize {
        self.counts.begun.load(Ordering::SeqCst)
    }

    fn send_all(&mut self) {
        for (id, subscriber) in &self.subscribers {
            self.in_flight.send(*id, Box::pin(subscriber.send(Update)));
        }
    }

    /// Polls once, so that every update is in its mailbox.
    async fn poll_once(&mut self) -> Option<SubscriptionId> {
        poll_fn(|context| {
            Poll::Ready(match self.in_flight.poll_ack(context) {
                Poll::Ready(ack) => Some(ack.id),
                Poll::Pending => None,
            })
        })
        .await
    }

    /// Its thread does nothing until the result is dropped.
    fn block(&self) -> Blocked {
        let (go, gone) = mpsc::channel();
        let (there, arrived) = mpsc::channel();
        self.arbiter.spawn_fn(move || {
            there.send(()).unwrap();
            let _ = gone.recv_timeout(DEADLINE);
        });
        arrived.recv_timeout(DEADLINE).unwrap();
        Blocked(go)
    }

    /// Everything that was sent before has had its turn.
    async fn settle(&self) {
        for _ in 0..2 * SUBSCRIBERS {
            let (there, arrived) = tokio::sync::oneshot::channel();
            self.arbiter.spawn(async move { there.send(()).unwrap() });
            timeout(DEADLINE, arrived).await.unwrap().unwrap();
        }
    }

    fn all(&self, handled: bool) -> Vec<(SubscriptionId, bool)> {
        let ids = self.subscribers.iter();
        ids.map(|(id, _)| (*id, handled)).collect()
    }
}

async fn next(in_flight: &mut InFlight) -> Acknowledgement {
    timeout(DEADLINE, poll_fn(|context| in_flight.poll_ack(context)))
        .await
        .expect("an acknowledgement comes")
}

async fn acknowledgements(in_flight: &mut InFlight, count: usize) -> Vec<(SubscriptionId, bool)> {
    let mut all = Vec::new();
    for _ in 0..count {
        let Acknowledgement { id, result } = next(in_flight).await;
        all.push((id, result.is_ok()));
    }
    assert!(in_flight.is_empty(), "nothing else is in flight");
    all.sort();
    all
}

#[actix::test]
async fn every_update_is_acknowledged_once() {
    let mut fixture = Fixture::new(None);
    for round in 1..4 {
        fixture.send_all();
        let expected = fixture.all(true);
        let found = acknowledgements(&mut fixture.in_flight, SUBSCRIBERS).await;
        assert_eq!(found, expected);
        assert_eq!(fixture.begun(), round * SUBSCRIBERS);
    }
}

#[actix::test]
async fn a_retracted_update_is_never_handled() {
    let mut fixture = Fixture::new(None);
    let blocked = fixture.block();
    fixture.send_all();
    assert_eq!(fixture.poll_once().await, None);
    let (retracted, left) = fixture.subscribers.split_at(SUBSCRIBERS / 2);
    for (id, _) in retracted {
        fixture.in_flight.retract(*id);
    }
    drop(blocked);
    let expected: Vec<_> = left.iter().map(|(id, _)| (*id, true)).collect();
    let left = left.len();
    let found = acknowledgements(&mut fixture.in_flight, left).await;
    assert_eq!(found, expected);
    fixture.settle().await;
    assert_eq!(fixture.begun(), left);
}

#[actix::test]
async fn nothing_is_handled_after_the_host_is_dropped() {
    let mut fixture = Fixture::new(None);
    let blocked = fixture.block();
    fixture.send_all();
    assert_eq!(fixture.poll_once().await, None);
    fixture.in_flight = InFlight::default();
    drop(blocked);
    fixture.settle().await;
    assert_eq!(fixture.begun(), 0);
}

#[actix::test]
async fn a_slow_handler_delays_no_other() {
    let mut fixture = Fixture::new(Some(Semaphore::new(SUBSCRIBERS - 1)));
    fixture.send_all();
    for _ in 1..SUBSCRIBERS {
        assert!(next(&mut fixture.in_flight).await.result.is_ok());
    }
    assert!(!fixture.in_flight.is_empty(), "one is still at work");
    fixture.counts.gate.as_ref().unwrap().add_permits(1);
    acknowledgements(&mut fixture.in_flight, 1).await;
}

#[actix::test]
async fn a_transferred_update_is_acknowledged_to_its_new_host() {
    for handled_before in [false, true] {
        let mut fixture = Fixture::new(None);
        let mut other = InFlight::default();
        let blocked = (!handled_before).then(|| fixture.block());
        fixture.send_all();
        if handled_before {
            // One acknowledgement was taken in, all others have come.
            let first = next(&mut fixture.in_flight).await;
            assert!(first.result.is_ok());
            fixture.settle().await;
        } else {
            assert_eq!(fixture.poll_once().await, None);
        }
        for (id, _) in &fixture.subscribers {
            fixture.in_flight.transfer(*id, &mut other);
        }
        assert!(fixture.in_flight.is_empty());
        drop(blocked);
        let count = SUBSCRIBERS - usize::from(handled_before);
        let found = acknowledgements(&mut other, count).await;
        assert!(found.iter().all(|(_, handled)| *handled));
        assert_eq!(fixture.begun(), SUBSCRIBERS);
    }
}

#[actix::test]
async fn updates_of_a_stopped_arbiter_are_lost_and_nothing_hangs() {
    let mut fixture = Fixture::new(None);
    let blocked = fixture.block();
    fixture.arbiter.stop();
    fixture.send_all();
    drop(blocked);
    let expected = fixture.all(false);
    let found = acknowledgements(&mut fixture.in_flight, SUBSCRIBERS).await;
    assert_eq!(found, expected);
}
