//! One watch that a wider watch serves.

use futures_util::future::AbortHandle;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    limits::backoff::Backoff,
    query::Query,
    shared_query::key_index::IndexedSelector,
    topic::{Topic, report::DetachReason, reporter::Reporter},
};

/// A watch whose value is extracted from a wider watch's value.
pub(super) struct Member<N: Query> {
    pub(super) reporter: Reporter<N>,
    pub(super) topic: Topic<N>,
    /// Which entries it selects, as the key index has it.
    pub(super) selector: Option<IndexedSelector>,
    /// Whether it waits in the group's queue.
    pub(super) queued: bool,
    /// Its value is of a query of its own, and the wider value has not changed since: it may be the older one.
    pub(super) handed_over: bool,
    /// All entries of its value have been in the wide value: one that has left it is gone, if the wide query proves
    /// removals.
    pub(super) is_extracted: bool,
    /// It is about to leave the shared query.
    pub(super) detaching: Option<DetachReason>,
    /// A removal that is not confirmed yet.
    pub(super) confirmation: Option<Box<Confirmation>>,
    /// Its own query in flight. It may outlive the confirmation that it was sent for.
    pub(super) query: Option<Box<ConfirmQuery>>,
}

/// A removal seen upstream and not yet confirmed by the member's own query.
pub(super) struct Confirmation {
    pub(super) backoff: Backoff,
    /// The number of answers that have contradicted the wider value.
    pub(super) contradicted: u32,
    /// The index of the wider value when the query was sent last.
    pub(super) sent_at: u64,
    /// The end of the pause before the next query.
    pub(super) paused_until: Option<Instant>,
}

/// A member's own query in flight.
pub(super) struct ConfirmQuery {
    pub(super) number: u64,
    pub(super) abort: AbortHandle,
    /// Resolves when its request is closed.
    pub(super) closed: oneshot::Receiver<()>,
}

impl<N: Query> Member<N> {
    pub(super) fn new(reporter: Reporter<N>, topic: Topic<N>) -> Self {
        let handed_over = topic.query_state.current().is_some();
        Self {
            reporter,
            topic,
            handed_over,
            selector: None,
            queued: false,
            is_extracted: false,
            detaching: None,
            confirmation: None,
            query: None,
        }
    }

    /// Drops the confirmation and aborts its query, which stays here until its request is closed.
    pub(super) fn abandon_confirmation(&mut self) {
        self.confirmation = None;
        if let Some(query) = &self.query {
            query.abort.abort();
        }
    }

    /// Aborts the query in flight. The receiver resolves when its request is closed.
    pub(super) fn close(&mut self) -> Option<oneshot::Receiver<()>> {
        self.abandon_confirmation();
        self.query.take().map(|query| query.closed)
    }
}
