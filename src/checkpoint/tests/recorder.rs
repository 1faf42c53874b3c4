//! An actor that records what it receives.

use std::sync::{Arc, Mutex};

use actix::prelude::*;
use consul_watch_actors::Changed;
use tokio::sync::Semaphore;

use super::store::{Events, Pairs};

/// The updates that a recorder has received: of pairs the value of `a`, of events the numbers of the new ones.
#[derive(Clone, Default)]
pub(super) struct Received(Arc<Mutex<Vec<Vec<u64>>>>);

impl Received {
    pub(super) fn all(&self) -> Vec<Vec<u64>> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Whether the recorder has gone.
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) <= 2
    }
}

/// The behavior of a recorder.
#[derive(Clone)]
pub(super) enum Behavior {
    /// Handles it at once.
    Prompt,
    /// Takes a permit for it.
    Gated(Arc<Semaphore>),
    /// Restarts in the middle of an update to this value.
    RestartsAt(u64),
    /// Never finishes an update to this value.
    HangsAt(u64),
}

pub(super) struct Recorder {
    received: Received,
    behavior: Behavior,
}

impl Recorder {
    pub(super) fn new(behavior: Behavior) -> (Self, Received) {
        let received = Received::default();
        let recorder = Self {
            received: received.clone(),
            behavior,
        };
        (recorder, received)
    }

    pub(super) fn start(behavior: Behavior) -> (Addr<Self>, Received) {
        let (recorder, received) = Self::new(behavior);
        (Actor::start(recorder), received)
    }

    pub(super) fn supervised(behavior: Behavior) -> (Addr<Self>, Received) {
        let (recorder, received) = Self::new(behavior);
        (Supervisor::start(|_| recorder), received)
    }

    fn receive(&self, update: Vec<u64>, ctx: &mut Context<Self>) -> ResponseActFuture<Self, ()> {
        let is = |value: u64| update == [value];
        let ends = match &self.behavior {
            Behavior::Gated(gate) => {
                self.received.0.lock().unwrap().push(update);
                let gate = Arc::clone(gate);
                let taken = async move { gate.acquire().await.unwrap().forget() };
                return Box::pin(taken.into_actor(self));
            }
            Behavior::RestartsAt(value) if is(*value) => {
                ctx.stop();
                false
            }
            Behavior::HangsAt(value) => !is(*value),
            Behavior::Prompt | Behavior::RestartsAt(_) => true,
        };
        self.received.0.lock().unwrap().push(update);
        if ends {
            Box::pin(actix::fut::ready(()))
        } else {
            Box::pin(std::future::pending().into_actor(self))
        }
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Supervised for Recorder {}

impl Handler<Changed<Pairs>> for Recorder {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, changed: Changed<Pairs>, ctx: &mut Self::Context) -> Self::Result {
        let found = changed.current.iter().filter(|pair| pair.key == "a");
        let values = found.filter_map(|pair| str::from_utf8(pair.value.as_deref()?).ok());
        let values = values.map(|value| value.parse().unwrap()).collect();
        self.receive(values, ctx)
    }
}

impl Handler<Changed<Events>> for Recorder {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, changed: Changed<Events>, ctx: &mut Self::Context) -> Self::Result {
        let new = changed.changes();
        let numbers = new.iter().map(|change| change.item().l_time).collect();
        self.receive(numbers, ctx)
    }
}

/// Keeps an actor from reading its mailbox until a permit comes.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Occupy(pub(super) Arc<Semaphore>);

impl Handler<Occupy> for Recorder {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Occupy(gate): Occupy, _: &mut Self::Context) -> Self::Result {
        let taken = async move { gate.acquire().await.unwrap().forget() };
        AtomicResponse::new(Box::pin(taken.into_actor(self)))
    }
}
