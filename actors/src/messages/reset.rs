//! The message that restarts watches.

use actix::Message;

use crate::query::{Source, failure::Failure};

/// Restarts every watcher, with a new configuration or the current one.
///
/// Subscribers stay, and receive an update only where a value differs from the one they handled last. The reply
/// comes when every watcher has dropped its old request and taken over the configuration.
#[derive(Debug, Clone)]
pub struct Reset<S>(pub(crate) Option<S>);

impl<S> Reset<S> {
    /// Restarts with the current configuration.
    pub fn new() -> Self {
        Self(None)
    }

    /// Restarts with another configuration.
    pub fn with(source: S) -> Self {
        Self(Some(source))
    }
}

impl<S> Default for Reset<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// The result is the number of watchers that were restarted.
impl<S: Source> Message for Reset<S> {
    type Result = Result<usize, ResetError>;
}

/// The reason for which a [`Reset`] was refused; everything continues as it was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// The new configuration cannot be used.
    #[error("the new configuration was refused and the old one stays: {0}")]
    Refused(#[source] Failure),
}
