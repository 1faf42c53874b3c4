use std::{
    future::poll_fn,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use actix::prelude::{Actor, Arbiter, Context, Handler, Message, Recipient, ResponseFuture};
use tokio::{sync::Semaphore, time::timeout};

use super::*;

/// Ends a test that is stuck.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

const CROWD: usize = 3 * BATCH;

#[derive(Message)]
#[rtype(result = "()")]
struct Update;

#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    gate: Option<Semaphore>,
}

struct Sink(Arc<Counts>);

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<Update> for Sink {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Update, _: &mut Context<Self>) -> Self::Result {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let counts = Arc::clone(&self.0);
        Box::pin(async move {
            if let Some(gate) = &counts.gate {
                gate.acquire().await.unwrap().forget();
            }
        })
    }
}

impl Target<Update> for Recipient<Update> {
    fn send(&self, message: Update) -> Option<RecipientRequest<Update>> {
        self.connected().then(|| Recipient::send(self, message))
    }
}

/// Actors on an arbiter of their own, and what is on its way to them.
struct Crowd {
    arbiter: Arbiter,
    sinks: Vec<(SubscriptionId, Arc<Recipient<Update>>)>,
    home: Home,
    deliveries: Deliveries<Update>,
}

/// An arbiter whose thread is blocked until this is dropped.
struct Blocked(#[expect(dead_code, reason = "it is dropped")] mpsc::Sender<()>);

impl Crowd {
    /// Everyone has answered once.
    async fn new(counts: &Arc<Counts>) -> Self {
        let arbiter = Arbiter::new();
        let start = |number| {
            let counts = Arc::clone(counts);
            let sink = Sink::start_in_arbiter(&arbiter.handle(), |_| Sink(counts));
            (SubscriptionId(number), Arc::new(sink.recipient()))
        };
        let sinks: Vec<_> = (0..).take(CROWD).map(start).collect();
        let mut deliveries = Deliveries::default();
        for (id, sink) in &sinks {
            assert!(deliveries.send(*id, sink, Update, None));
        }
        let mut home = None;
        for _ in &sinks {
            let answered = next(&mut deliveries).await;
            assert!(answered.answer.is_ok());
            home = home.or(answered.home);
        }
        let home = home.expect("somebody has told where it is");
        Self {
            arbiter,
            sinks,
            home,
            deliveries,
        }
    }

    /// One update for everyone, by their home.
    fn tell_all(&mut self) {
        self.deliveries.gather();
        for (id, sink) in &self.sinks {
            assert!(self.deliveries.send(*id, sink, Update, Some(&self.home)));
        }
        assert!(self.deliveries.dispatch());
        let flight = self.deliveries.flight.as_ref().unwrap();
        assert_eq!(
            (flight.carried, flight.requests.len()),
            (CROWD, 0),
            "they are carried"
        );
    }

    /// Its thread does nothing until what is returned is dropped.
    fn block(&self) -> Blocked {
        let (go, gone) = mpsc::channel();
        let (there, arrived) = mpsc::channel();
        self.arbiter.spawn_fn(move || {
            there.send(()).unwrap();
            let _ = gone.recv_timeout(PROBE_TIMEOUT);
        });
        arrived.recv_timeout(PROBE_TIMEOUT).unwrap();
        Blocked(go)
    }

    /// Everything that was sent before has had its turn.
    async fn pass(&self) {
        for _ in 0..2 * CROWD {
            let (there, arrived) = tokio::sync::oneshot::channel();
            self.arbiter.spawn(async move { there.send(()).unwrap() });
            timeout(PROBE_TIMEOUT, arrived).await.unwrap().unwrap();
        }
    }
}

async fn next(deliveries: &mut Deliveries<Update>) -> Answered<()> {
    timeout(
        PROBE_TIMEOUT,
        poll_fn(|context| deliveries.poll_answer(context)),
    )
    .await
    .expect("an answer comes")
}

async fn answers(deliveries: &mut Deliveries<Update>, count: usize) -> Vec<(SubscriptionId, bool)> {
    let mut all = Vec::new();
    for _ in 0..count {
        let Answered { id, answer, .. } = next(deliveries).await;
        all.push((id, answer.is_ok()));
    }
    assert!(deliveries.is_empty(), "nobody else is waited for");
    all.sort();
    all
}

#[actix::test]
async fn a_crowd_is_told_on_its_own_thread_and_everyone_is_heard() {
    let counts = Arc::default();
    let mut crowd = Crowd::new(&counts).await;
    for round in 2..5 {
        crowd.tell_all();
        let expected: Vec<_> = crowd.sinks.iter().map(|(id, _)| (*id, true)).collect();
        assert_eq!(answers(&mut crowd.deliveries, CROWD).await, expected);
        assert_eq!(counts.begun.load(Ordering::SeqCst), round * CROWD);
    }
}

#[actix::test]
async fn a_few_are_told_at_once() {
    let counts = Arc::default();
    let mut crowd = Crowd::new(&counts).await;
    crowd.deliveries.gather();
    for (id, sink) in &crowd.sinks[..BATCH - 1] {
        assert!(crowd.deliveries.send(*id, sink, Update, Some(&crowd.home)));
    }
    assert!(crowd.deliveries.dispatch());
    assert_eq!(crowd.deliveries.flight.as_ref().unwrap().carried, 0);
    answers(&mut crowd.deliveries, BATCH - 1).await;
}

#[actix::test]
async fn what_is_taken_back_before_it_is_handled_never_is() {
    let counts = Arc::default();
    let mut crowd = Crowd::new(&counts).await;
    let blocked = crowd.block();
    crowd.tell_all();
    let (taken, left) = crowd.sinks.split_at(CROWD / 2);
    for (id, _) in taken {
        crowd.deliveries.cancel(*id);
    }
    drop(blocked);
    let expected: Vec<_> = left.iter().map(|(id, _)| (*id, true)).collect();
    assert_eq!(answers(&mut crowd.deliveries, left.len()).await, expected);
    crowd.pass().await;
    assert_eq!(counts.begun.load(Ordering::SeqCst), CROWD + left.len());
}

#[actix::test]
async fn nothing_is_handled_any_more_when_all_is_dropped() {
    let counts = Arc::default();
    let mut crowd = Crowd::new(&counts).await;
    let blocked = crowd.block();
    crowd.tell_all();
    crowd.deliveries = Deliveries::default();
    drop(blocked);
    crowd.pass().await;
    assert_eq!(counts.begun.load(Ordering::SeqCst), CROWD);
}

#[actix::test]
async fn a_handler_that_takes_its_time_holds_up_no_other() {
    let gate = Some(Semaphore::new(CROWD));
    let counts = Arc::new(Counts {
        gate,
        ..Counts::default()
    });
    let mut crowd = Crowd::new(&counts).await;
    let gate = counts.gate.as_ref().unwrap();
    gate.add_permits(CROWD - 1);
    crowd.tell_all();
    for _ in 1..CROWD {
        assert!(next(&mut crowd.deliveries).await.answer.is_ok());
    }
    assert!(!crowd.deliveries.is_empty(), "one is still at work");
    gate.add_permits(1);
    answers(&mut crowd.deliveries, 1).await;
}

#[actix::test]
async fn others_wait_for_what_was_handed_over_wherever_it_is() {
    let counts = Arc::default();
    let mut crowd = Crowd::new(&counts).await;
    let mut others = Deliveries::default();
    // Gathered, carried, and answered but not heard.
    crowd.deliveries.gather();
    let (id, sink) = &crowd.sinks[0];
    assert!(crowd.deliveries.send(*id, sink, Update, Some(&crowd.home)));
    crowd.deliveries.hand_over(*id, &mut others);
    answers(&mut others, 1).await;
    for blocked in [true, false] {
        let blocked = blocked.then(|| crowd.block());
        crowd.tell_all();
        if blocked.is_none() {
            crowd.pass().await;
        }
        for (id, _) in &crowd.sinks {
            crowd.deliveries.hand_over(*id, &mut others);
        }
        assert!(crowd.deliveries.is_empty());
        drop(blocked);
        let expected: Vec<_> = crowd.sinks.iter().map(|(id, _)| (*id, true)).collect();
        assert_eq!(answers(&mut others, CROWD).await, expected);
    }
    assert_eq!(counts.begun.load(Ordering::SeqCst), 3 * CROWD + 1);
}

#[actix::test]
async fn a_crowd_whose_arbiter_stops_is_found_gone() {
    let counts = Arc::default();
    let mut crowd = Crowd::new(&counts).await;
    let blocked = crowd.block();
    crowd.arbiter.stop();
    crowd.tell_all();
    drop(blocked);
    let expected: Vec<_> = crowd.sinks.iter().map(|(id, _)| (*id, false)).collect();
    assert_eq!(answers(&mut crowd.deliveries, CROWD).await, expected);
    // And nobody is waited for in vain by one that knows of the arbiter only.
    crowd.tell_all();
    assert_eq!(answers(&mut crowd.deliveries, CROWD).await, expected);
}

#[actix::test]
async fn others_are_told_what_is_known_already() {
    let counts = Arc::default();
    let mut crowd = Crowd::new(&counts).await;
    crowd.arbiter.stop();
    for (_, sink) in &crowd.sinks {
        while sink.connected() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let mut others = Deliveries::default();
    let (few, _) = crowd.sinks.split_at(BATCH - 1);
    crowd.deliveries.gather();
    for (id, sink) in few {
        assert!(crowd.deliveries.send(*id, sink, Update, Some(&crowd.home)));
    }
    assert!(crowd.deliveries.dispatch(), "they are found gone at once");
    for (id, _) in few {
        crowd.deliveries.hand_over(*id, &mut others);
    }
    assert!(crowd.deliveries.is_empty());
    let expected: Vec<_> = few.iter().map(|(id, _)| (*id, false)).collect();
    assert_eq!(answers(&mut others, few.len()).await, expected);
}
