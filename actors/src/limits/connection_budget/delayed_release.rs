//! Permits of queries that were cut off, released when the server drops the query.
//!
//! A query is cut off when its watch ends or is reset, and when its connection breaks: a server that waits
//! for news to write notices neither, and counts the connection until the wait is over.

use std::sync::Arc;

use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

use super::{ConnectionBudget, ConnectionPermit, Lease, Shared};

/// The lease of a query under way. When the query is cut off, its permit is released only when the server
/// drops it.
#[derive(Debug)]
pub(crate) struct InUseLease {
    lease: Option<Lease>,
    held_until: Option<(ConnectionBudget, Instant)>,
}

impl InUseLease {
    /// Makes the lease of a query. `held_until` is the time until which the server keeps the query although
    /// nobody waits for it, if it does.
    pub(crate) fn new(
        lease: Option<Lease>,
        held_until: Option<(ConnectionBudget, Instant)>,
    ) -> Self {
        Self { lease, held_until }
    }

    /// Returns the lease of a query that is over.
    pub(crate) fn finished(mut self) -> Option<Lease> {
        self.lease.take()
    }
}

impl Drop for InUseLease {
    fn drop(&mut self) {
        if let (Some(Lease::Permit(permit)), Some((budget, until))) =
            (self.lease.take(), self.held_until.take())
        {
            budget.shared().release_at(permit, until);
        }
    }
}

impl ConnectionBudget {
    /// The number of permits that are taken by queries that were cut off and that the server still counts.
    pub fn pending_release(&self) -> usize {
        let now = Instant::now();
        self.shared()
            .lock_pending_release()
            .iter()
            .filter(|(until, _)| *until > now)
            .count()
    }

    /// Releases the permits of all queries that were cut off: for a [`Source`](crate::Source) that finds the
    /// server gone (nobody listens at its address), and its queries with it.
    pub fn release_pending(&self) {
        let released = std::mem::take(&mut *self.shared().lock_pending_release());
        // Not under the lock, since this wakes those that queue.
        drop(released);
    }
}

impl Shared {
    fn release_at(self: &Arc<Self>, permit: ConnectionPermit, until: Instant) {
        if until <= Instant::now() {
            return;
        }
        self.lock_pending_release().push((until, permit));
        // Without a runtime here, the next watch that asks for a lease releases what has expired.
        if let Ok(runtime) = Handle::try_current() {
            let shared = Arc::clone(self);
            runtime.spawn(async move {
                sleep_until(until).await;
                shared.release_expired();
            });
        }
    }

    /// Releases the permits of the queries that the server has dropped by now.
    pub(super) fn release_expired(&self) {
        let now = Instant::now();
        let expired: Vec<_> = self
            .lock_pending_release()
            .extract_if(.., |(until, _)| *until <= now)
            .collect();
        // Not under the lock, since this wakes those that queue.
        drop(expired);
    }
}
