//! [`HandledChange`]: the update that a run or a call was for.

use std::{any::Any, fmt, sync::Arc};

use consul_watch_actors::Changed;

use super::payload::HandlerPayload;

/// The update that a run or a call was for, whose type is erased.
///
/// An index does not identify an update: watches by hash have none, and Consul may start its count over.
#[derive(Clone)]
pub(crate) struct HandledChange(
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "the daemon reads it")
    )]
    Arc<dyn Any + Send + Sync>,
);

impl HandledChange {
    pub(crate) fn new<Q: HandlerPayload>(changed: Changed<Q>) -> Self {
        Self(Arc::new(changed))
    }

    /// Returns the update, if it is of this type of watch.
    #[cfg(feature = "cli")]
    pub(crate) fn of<Q: HandlerPayload>(&self) -> Option<&Changed<Q>> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for HandledChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandledChange")
    }
}
