//! [`Job`]: the handling of one state, with its sender and its failed attempts.

use std::{any::TypeId, time::Duration};

use consul_watch_actors::{Backoff, Changed, SubscriptionId, WatchPath};

use super::{
    deferred_reply::ReplyHandle, payload::HandlerPayload, retry_policy::RetryPolicy,
    task_queue::Task,
};

/// The stream that a state comes by. A newer state of a stream may replace an older one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct StreamKey {
    query: TypeId,
    subscription: SubscriptionId,
    path: WatchPath,
}

/// The content of a job, which may replace that of an older one.
pub(super) trait Supersede {
    /// Takes the place of an older one that was not handled.
    fn supersede(&mut self, older: &Self);
}

/// A state to be handled, the reply that its sender waits for, and its failed attempts.
#[derive(Debug)]
pub(super) struct Job<W> {
    stream: StreamKey,
    pub(super) content: W,
    /// `None` once the reply was sent.
    reply_handle: Option<ReplyHandle>,
    attempts: u32,
    /// Whether the state may have been handled in part before this process or this handler started.
    pub(super) is_repeat: bool,
    /// The back-off since the last success.
    backoff: Option<Backoff>,
}

impl StreamKey {
    pub(super) fn of<Q: HandlerPayload>(changed: &Changed<Q>) -> Self {
        Self {
            query: TypeId::of::<Q>(),
            subscription: changed.subscription,
            path: changed.query.path(),
        }
    }
}

impl<W: Supersede> Job<W> {
    pub(super) fn new(stream: StreamKey, content: W, reply_handle: ReplyHandle) -> Self {
        Self {
            stream,
            content,
            reply_handle: Some(reply_handle),
            attempts: 0,
            is_repeat: false,
            backoff: None,
        }
    }

    pub(super) fn path(&self) -> &WatchPath {
        &self.stream.path
    }

    /// The number of attempts at this very state.
    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn begin_attempt(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
    }

    /// Returns the pause after a failed attempt, or `None` if there is to be no other one.
    pub(super) fn pause(&mut self, retry: Option<&RetryPolicy>) -> Option<Duration> {
        retry?.pause(&mut self.backoff, self.attempts)
    }

    /// Returns the pause after an attempt that could not begin. It does not count, and there is always another one.
    pub(super) fn pause_before_start(&mut self, retry: Option<&RetryPolicy>) -> Option<Duration> {
        self.attempts = self.attempts.saturating_sub(1);
        let retry = retry.cloned().unwrap_or_default().without_end();
        retry.pause(&mut self.backoff, self.attempts)
    }

    /// Gives the state up. Its sender learns that it was not handled.
    pub(super) fn abandon(&mut self) {
        self.reply_handle = None;
    }
}

impl<W: Supersede> Task for Job<W> {
    type Stream = StreamKey;

    fn stream(&self) -> &StreamKey {
        &self.stream
    }

    fn supersede(&mut self, mut older: Self) {
        self.content.supersede(&older.content);
        self.is_repeat |= older.is_repeat;
        self.backoff = older.backoff.take().or(self.backoff.take());
        older.acknowledge();
    }

    fn acknowledge(&mut self) {
        if let Some(reply_handle) = self.reply_handle.take() {
            reply_handle.send();
        }
    }
}
