//! The message that starts watches afresh.

use actix::Message;

use crate::{Failure, Source};

/// Starts every watcher afresh, with a new configuration or the one it has.
///
/// Subscribers stay, and are sent only what really is different from what they saw. The reply comes
/// when every watcher has dropped its old request and taken the configuration over.
#[derive(Debug, Clone)]
pub struct Reset<S>(pub(crate) Option<S>);

impl<S> Reset<S> {
    /// Starts afresh with the configuration there is.
    pub fn new() -> Self {
        Self(None)
    }

    /// Starts afresh with another configuration.
    pub fn with(source: S) -> Self {
        Self(Some(source))
    }
}

impl<S> Default for Reset<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// The result is the number of watchers that started afresh.
impl<S: Source> Message for Reset<S> {
    type Result = Result<usize, ResetError>;
}

/// A [`Reset`] that was not done: everything goes on as it was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// The new configuration cannot be used.
    #[error("the new configuration was refused and the old one stays: {0}")]
    Refused(#[source] Failure),
}
