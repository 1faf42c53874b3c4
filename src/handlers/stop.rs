//! The message that ends a handler.

use std::time::Duration;

use actix::Message;

/// Ends a handler actor: whatever it is doing now has this long to come to its end, and is then ended.
///
/// The reply comes when nothing of it is left: no program that still runs, no request that is still open.
/// States that were waiting for their turn are given up without an acknowledgement, so that a
/// [checkpoint](crate::checkpoint) does not take them for handled. The actor stops itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct StopHandler {
    /// How long to wait for an end that comes by itself.
    pub grace: Duration,
}

impl StopHandler {
    /// Lets what is running come to its end within `grace`.
    pub fn within(grace: Duration) -> Self {
        Self { grace }
    }

    /// Ends what is running at once.
    pub fn now() -> Self {
        Self {
            grace: Duration::ZERO,
        }
    }
}
