//! What a watcher knows, and hands on when it dies.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Item, Subscribe};
use crate::{
    Backoff, Changed, Query, Subscriber, SubscriptionId, Throttle, View, deliveries::Deliveries,
    progress::Progress, subscription::Subscription,
};

/// The longest pause that a peer can ask for: whatever it says, it is asked again within the hour.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What outlives restarts, and panics too: it is handed to the watcher that takes over.
#[derive(Debug)]
pub(crate) struct WatcherState<Q: Query> {
    pub(crate) progress: Progress<Q::Value>,
    pub(crate) backoff: Backoff,
    pub(crate) throttle: Throttle,
    pub(crate) subscribers: BTreeMap<SubscriptionId, Subscribed<Q>>,
    pub(crate) deliveries: Deliveries<Changed<Q>>,
    pub(crate) next_attempt: Option<Instant>,
    /// What could not be read last, so that the same is told once.
    pub(super) rejection: Option<String>,
    /// The query can never be answered.
    pub(super) halted: bool,
}

impl<Q: Query> Default for WatcherState<Q> {
    fn default() -> Self {
        Self {
            progress: Progress::default(),
            backoff: Backoff::default(),
            throttle: Throttle::default(),
            subscribers: BTreeMap::new(),
            deliveries: Deliveries::default(),
            next_attempt: None,
            rejection: None,
            halted: false,
        }
    }
}

/// One subscriber and its feed.
#[derive(Debug)]
pub(crate) struct Subscribed<Q: Query> {
    pub(super) subscriber: Subscriber<Changed<Q>>,
    pub(super) view: Arc<View<Item<Q>>>,
    pub(super) feed: Subscription<Q::Value>,
}

impl<Q: Query> WatcherState<Q> {
    pub(crate) fn new(backoff: Backoff, throttle: Throttle) -> Self {
        Self { backoff, throttle, ..Self::default() }
    }

    /// Takes a subscriber on; it is owed the current state, if there is one.
    pub(crate) fn subscribe(&mut self, message: Subscribe<Q>, now: Instant) {
        let Subscribe { id, subscriber, options } = message;
        let view = options.view;
        let mut feed = Subscription::new(Arc::clone(&view), options.quiescence, options.skip_first, None);
        if let Some(current) = self.progress.current() {
            feed.offer(current, false, now);
        }
        self.subscribers.insert(id, Subscribed { subscriber, view, feed });
    }

    /// Lets a subscriber go, and takes back what it has not begun to handle.
    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        self.subscribers.remove(&id);
        self.deliveries.cancel(id);
    }

    /// Schedules the next attempt after a failure.
    pub(crate) fn postpone(&mut self, at_least: Option<Duration>) {
        let pause = self.backoff.failed(Instant::now());
        self.postpone_by(pause, at_least);
    }

    /// Schedules the next attempt after this pause, or after the one that was asked for if that is longer.
    pub(crate) fn postpone_by(&mut self, pause: Duration, at_least: Option<Duration>) {
        let at_least = at_least.unwrap_or_default().min(LONGEST_PAUSE);
        self.next_attempt = Some(Instant::now() + pause.max(at_least));
    }
}
