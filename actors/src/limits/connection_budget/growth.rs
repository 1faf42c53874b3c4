//! The budget's side of the server's refusals: fewer permits, and more of them as time passes.

use std::sync::{Arc, Weak, atomic::Ordering};

use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

use super::{ConnectionBudget, Refusal, Shared};

impl ConnectionBudget {
    /// Halves the number of permits: for a [`Source`](crate::Source) that finds a connection refused. Refusals within
    /// 2 s count as one. The number grows again while watches queue: by one each 2 s, and by more as time passes
    /// without a refusal; after refusals in a row it grows more slowly.
    ///
    /// A permit beyond the number is given back when its query ends.
    pub fn refused(&self, refusal: Refusal) {
        if !self.is_enabled() {
            return;
        }
        if let Some((before, after)) = self.shared().size.refused(refusal, Instant::now()) {
            tracing::warn!(
                before,
                after,
                "the server refuses connections of this machine, so fewer watches hold one, and the others poll \
                 at intervals: {}",
                self.shared().settings.advice
            );
        }
    }

    /// Whether watches queue while the server is not known to accept as many connections as are allowed: for a
    /// [`Source`](crate::Source), which should close each connection after its query then, since one that idles takes
    /// the place of others.
    pub fn is_contended(&self) -> bool {
        let size = &self.shared().size;
        self.is_enabled() && size.is_limited() && size.available() == 0
    }

    /// Forgets refusals that were only suspected: the server was down, and a proxy in front of it closed the
    /// connections.
    pub(crate) fn forget_suspected_refusals(&self) {
        self.shared().size.forget_suspected_refusals();
    }

    /// Forgets all refusals: for a [`Source`](crate::Source) that finds the server gone, and with it the connections
    /// that it counted.
    pub fn forget_refusals(&self) {
        self.shared().size.forget_refusals();
    }
}

/// The mark that a task gives out further permits, until it ends.
struct Growing(Weak<Shared>);

impl Drop for Growing {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.growing.store(false, Ordering::Release);
        }
    }
}

impl Shared {
    /// Gives out further permits as time passes, if there are to be more of them, while somebody queues.
    pub(super) fn grow_while_watches_queue(self: &Arc<Self>) {
        if !self.size.is_limited() || self.growing.swap(true, Ordering::AcqRel) {
            return;
        }
        let growing = Growing(Arc::downgrade(self));
        // Without a runtime here, the next watch that queues tries again.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                while let Some(next) = growing
                    .0
                    .upgrade()
                    .and_then(|it| it.size.grow(Instant::now()))
                {
                    sleep_until(next).await;
                }
            });
        }
    }
}
