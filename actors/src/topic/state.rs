//! The state of a watch that outlives its watcher.

use std::{fmt, time::Duration};

use tokio::time::Instant;

use crate::{
    limits::{backoff::Backoff, throttle::Throttle},
    messages::subscription_id::SubscriptionId,
    query::{Query, derived::Inputs},
    subscription::{
        in_flight::{InFlight, Outbox},
        registration::Subscribe,
    },
    topic::Topic,
};

/// Outlives restarts, and panics too: the watcher that takes over starts with it.
pub(crate) struct WatcherState<Q: Query> {
    pub(crate) topic: Topic<Q>,
    pub(crate) backoff: Backoff,
    pub(crate) throttle: Throttle,
    pub(crate) in_flight: InFlight,
    /// The known values of the inputs, if its query is a derived one.
    pub(crate) known_inputs: Option<Box<Inputs>>,
    pub(crate) next_attempt: Option<Instant>,
    /// When a repeated index last made it ask from the start.
    pub(crate) restarted: Option<Instant>,
    /// The query can never be answered.
    pub(crate) halted: bool,
}

impl<Q: Query> Default for WatcherState<Q> {
    fn default() -> Self {
        Self::new(Backoff::default(), Throttle::default())
    }
}

impl<Q: Query> WatcherState<Q> {
    pub(crate) fn new(backoff: Backoff, throttle: Throttle) -> Self {
        Self {
            topic: Topic::default(),
            backoff,
            throttle,
            in_flight: InFlight::default(),
            known_inputs: None,
            next_attempt: None,
            restarted: None,
            halted: false,
        }
    }

    /// Takes a subscriber on; it is owed the current state, if there is one.
    pub(crate) fn subscribe(&mut self, message: Subscribe<Q>, now: Instant) {
        self.topic.subscribe(message, now);
    }

    /// Lets a subscriber go, and takes back what it has not begun to handle.
    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        self.topic.subscribers.remove(id);
        self.in_flight.retract(id);
    }

    /// Schedules the next attempt after a failure.
    pub(crate) fn postpone(&mut self, at_least: Option<Duration>) {
        let pause = self.backoff.failed(Instant::now());
        self.postpone_by(pause, at_least);
    }

    /// Schedules the next attempt after this pause, or after the one that was asked for if that is longer.
    pub(crate) fn postpone_by(&mut self, pause: Duration, at_least: Option<Duration>) {
        let at_least = at_least.unwrap_or_default();
        self.next_attempt = Some(Instant::now() + pause.max(at_least));
    }
}

impl<Q: Query> fmt::Debug for WatcherState<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatcherState")
            .field("feeds", &self.topic)
            .field("in_flight", &self.in_flight)
            .field("next_attempt", &self.next_attempt)
            .finish_non_exhaustive()
    }
}
