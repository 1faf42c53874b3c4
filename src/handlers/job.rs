//! The handling of one state: what is to be done, for whom, and how often it has failed.

use std::{any::TypeId, time::Duration};

use consul_watch_actors::{Backoff, Changed, SubscriptionId, WatchPath};

use super::{owed::Acknowledgement, payload::Payload, queue::Task, retry::Retry};

/// The stream that a state comes by. A newer state of a stream may replace an older one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct StreamKey {
    query: TypeId,
    subscription: SubscriptionId,
    path: WatchPath,
}

/// What is done with a state.
pub(super) trait Work {
    /// Takes the place of an older one that was not handled.
    fn supersede(&mut self, older: &Self);
}

/// A state, its sender who waits until it is handled, and its failed attempts.
#[derive(Debug)]
pub(super) struct Job<W> {
    stream: StreamKey,
    pub(super) work: W,
    /// Taken when the sender was let go on.
    acknowledgement: Option<Acknowledgement>,
    attempts: u32,
    /// The pauses since the last success.
    backoff: Option<Backoff>,
}

impl StreamKey {
    pub(super) fn of<Q: Payload>(changed: &Changed<Q>) -> Self {
        Self {
            query: TypeId::of::<Q>(),
            subscription: changed.subscription,
            path: changed.query.path(),
        }
    }

    pub(super) fn path(&self) -> &WatchPath {
        &self.path
    }
}

impl<W: Work> Job<W> {
    pub(super) fn new(stream: StreamKey, work: W, acknowledgement: Acknowledgement) -> Self {
        Self {
            stream,
            work,
            acknowledgement: Some(acknowledgement),
            attempts: 0,
            backoff: None,
        }
    }

    pub(super) fn path(&self) -> &WatchPath {
        &self.stream.path
    }

    /// How often this very state was tried.
    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn begin_attempt(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
    }

    /// The pause after a failed attempt, if there is to be another one.
    pub(super) fn pause(&mut self, retry: Option<&Retry>) -> Option<Duration> {
        retry?.pause(&mut self.backoff, self.attempts)
    }

    /// Gives the state up: for its sender it was not handled.
    pub(super) fn abandon(&mut self) {
        self.acknowledgement = None;
    }
}

impl<W: Work> Task for Job<W> {
    type Stream = StreamKey;

    fn stream(&self) -> &StreamKey {
        &self.stream
    }

    fn supersede(&mut self, mut older: Self) {
        self.work.supersede(&older.work);
        self.backoff = older.backoff.take().or(self.backoff.take());
        older.acknowledge();
    }

    fn acknowledge(&mut self) {
        if let Some(acknowledgement) = self.acknowledgement.take() {
            acknowledgement.give();
        }
    }
}
