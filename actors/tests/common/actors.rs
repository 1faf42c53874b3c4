//! Actors that write down what they receive.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::prelude::*;
use consul_watch_actors::{Changed, Query, Reason, SubscriptionId, WatchEvent};
use tokio::sync::Semaphore;

use super::Rows;

/// One update as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub subscription: SubscriptionId,
    pub index: u64,
    pub previous: Option<BTreeMap<String, u64>>,
    pub rows: BTreeMap<String, u64>,
    /// The changes, as `added a`, `updated a` or `removed a`.
    pub changes: Vec<String>,
    pub reason: Reason,
    pub coalesced: u64,
}

impl Seen {
    fn of<Q: Query<Value = Rows>>(changed: &Changed<Q>) -> Self {
        Self {
            subscription: changed.subscription,
            index: changed.index,
            previous: changed.previous.as_ref().map(|rows| rows.to_map()),
            rows: changed.current.to_map(),
            changes: changed
                .changes()
                .iter()
                .map(|change| format!("{} {}", change.kind(), change.item().key))
                .collect(),
            reason: changed.reason,
            coalesced: changed.coalesced,
        }
    }
}

/// The updates that a [`Recorder`] has received. They can be read while the actor is at work or gone.
#[derive(Debug, Clone, Default)]
pub struct Received(Arc<Mutex<Vec<Seen>>>);

impl Received {
    pub fn all(&self) -> Vec<Seen> {
        self.0
            .lock()
            .expect("nothing panics while it is held")
            .clone()
    }

    pub fn count(&self) -> usize {
        self.0
            .lock()
            .expect("nothing panics while it is held")
            .len()
    }

    pub fn last(&self) -> Option<Seen> {
        self.0
            .lock()
            .expect("nothing panics while it is held")
            .last()
            .cloned()
    }

    /// The value that key `a` had in each update.
    pub fn values(&self) -> Vec<Option<u64>> {
        self.all()
            .iter()
            .map(|seen| seen.rows.get("a").copied())
            .collect()
    }

    /// Whether the last update shows this value of key `a`.
    pub fn shows(&self, value: u64) -> bool {
        self.values().last() == Some(&Some(value))
    }

    fn push(&self, seen: Seen) {
        self.0
            .lock()
            .expect("nothing panics while it is held")
            .push(seen);
    }
}

/// The action of a recorder on an update, besides recording it.
#[derive(Debug, Clone)]
pub enum Habit {
    /// Nothing.
    Prompt,
    /// Takes this long.
    Slow(Duration),
    /// Takes a permit for each.
    Gated(Arc<Semaphore>),
    /// Panics when key `a` has this value.
    PanicsAt(u64),
    /// Ends its life in the middle of the update in which key `a` first has this value.
    StopsAt(u64),
}

/// An actor that writes down every update.
#[derive(Debug)]
pub struct Recorder {
    received: Received,
    habit: Habit,
    stopped: bool,
    pub lives: Arc<Mutex<u32>>,
}

impl Recorder {
    pub fn new(habit: Habit) -> (Self, Received) {
        let received = Received::default();
        (
            Self {
                received: received.clone(),
                habit,
                stopped: false,
                lives: Arc::default(),
            },
            received,
        )
    }

    /// Starts one that does nothing else.
    pub fn prompt() -> (Addr<Self>, Received) {
        Self::with(Habit::Prompt)
    }

    pub fn with(habit: Habit) -> (Addr<Self>, Received) {
        let (recorder, received) = Self::new(habit);
        (recorder.start(), received)
    }

    /// Starts one that finishes an update for each permit.
    pub fn gated() -> (Addr<Self>, Received, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        let (address, received) = Self::with(Habit::Gated(Arc::clone(&gate)));
        (address, received, gate)
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        *self.lives.lock().expect("nothing panics while it is held") += 1;
    }
}

impl Supervised for Recorder {}

impl<Q: Query<Value = Rows>> Handler<Changed<Q>> for Recorder {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, changed: Changed<Q>, _: &mut Self::Context) -> Self::Result {
        let seen = Seen::of(&changed);
        let value = seen.rows.get("a").copied();
        self.received.push(seen);
        match self.habit.clone() {
            Habit::PanicsAt(at) => {
                assert!(
                    value != Some(at),
                    "the subscriber panics, as the test wants it"
                );
                Box::pin(actix::fut::ready(()))
            }
            Habit::StopsAt(at) if value == Some(at) && !self.stopped => {
                self.stopped = true;
                let stop = async {}
                    .into_actor(self)
                    .map(|(), _, ctx: &mut Context<Self>| ctx.stop());
                Box::pin(stop.then(|(), actor, _| std::future::pending().into_actor(actor)))
            }
            Habit::Prompt | Habit::StopsAt(_) => Box::pin(actix::fut::ready(())),
            Habit::Slow(pause) => Box::pin(tokio::time::sleep(pause).into_actor(self)),
            Habit::Gated(gate) => Box::pin(
                async move {
                    gate.acquire()
                        .await
                        .expect("the gate is never closed")
                        .forget();
                }
                .into_actor(self),
            ),
        }
    }
}

/// Keeps an actor from reading its mailbox until a permit comes.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Occupy(pub Arc<Semaphore>);

impl Handler<Occupy> for Recorder {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Occupy(gate): Occupy, _: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(Box::pin(
            async move {
                gate.acquire()
                    .await
                    .expect("the gate is never closed")
                    .forget();
            }
            .into_actor(self),
        ))
    }
}

/// Ends an actor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Leave;

impl Handler<Leave> for Recorder {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// An actor that writes down the events of watches.
#[derive(Debug, Clone, Default)]
pub struct Events {
    seen: Arc<Mutex<Vec<WatchEvent>>>,
    gate: Option<Arc<Semaphore>>,
}

impl Events {
    pub fn start_new() -> (Addr<Self>, Self) {
        let events = Self::default();
        (events.clone().start(), events)
    }

    /// One that handles an event for each permit.
    pub fn start_gated() -> (Addr<Self>, Self, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        let events = Self {
            seen: Arc::default(),
            gate: Some(Arc::clone(&gate)),
        };
        (events.clone().start(), events, gate)
    }

    pub fn all(&self) -> Vec<WatchEvent> {
        self.seen
            .lock()
            .expect("nothing panics while it is held")
            .clone()
    }

    /// The events' names: `connecting`, `live`, `retrying`, `stopped`, `rejected`,
    /// `subscriber panicked`, `subscription ended`, `ended`.
    pub fn names(&self) -> Vec<&'static str> {
        use consul_watch_actors::EventKind;
        self.all()
            .iter()
            .map(|event| match &event.kind {
                EventKind::State(state) => state.name(),
                EventKind::Rejected(_) => "rejected",
                EventKind::SubscriberPanicked { .. } => "subscriber panicked",
                EventKind::SubscriptionEnded { .. } => "subscription ended",
                EventKind::Ended => "ended",
                _ => "unknown",
            })
            .collect()
    }
}

impl Actor for Events {
    type Context = Context<Self>;
}

impl Handler<WatchEvent> for Events {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, event: WatchEvent, _: &mut Self::Context) -> Self::Result {
        self.seen
            .lock()
            .expect("nothing panics while it is held")
            .push(event);
        match self.gate.clone() {
            None => Box::pin(std::future::ready(())),
            Some(gate) => Box::pin(async move {
                gate.acquire()
                    .await
                    .expect("the gate is never closed")
                    .forget();
            }),
        }
    }
}
