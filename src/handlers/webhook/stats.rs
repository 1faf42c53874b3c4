//! What a handler tells about its deliveries.

use std::{sync::Arc, time::Duration};

use actix::Message;
use consul_watch_actors::WatchPath;

use super::error::DeliveryError;

/// A call has come to its end.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct WebhookDelivered {
    /// The watch whose state it delivered.
    pub path: WatchPath,
    /// The index of that state.
    pub index: u64,
    /// The status of a success, or what has failed.
    pub outcome: Result<u16, Arc<DeliveryError>>,
    /// How long it took.
    pub duration: Duration,
    /// Which try of this state it was, beginning with 1.
    pub attempt: u32,
    /// How long until it is tried again by itself; `None` when it is not.
    pub retry_in: Option<Duration>,
}

/// Asks a handler for its [`WebhookStats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "WebhookStats")]
pub struct GetWebhookStats;

/// What a handler has done so far.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WebhookStats {
    /// How many calls were answered with 2xx.
    pub delivered: u64,
    /// How many calls have failed, those that were tried again among them.
    pub failed: u64,
    /// How many states were given up: refused, or tried often enough. A state that a newer one took the place
    /// of is not counted.
    pub given_up: u64,
    /// How many calls are open now.
    pub open: usize,
    /// How many states wait for their turn, or for another try.
    pub waiting: usize,
    /// The status of the last answer, whatever it was.
    pub last_status: Option<u16>,
    /// The last call that ended.
    pub last: Option<WebhookDelivered>,
}

impl WebhookStats {
    pub(super) fn count(&mut self, ended: &WebhookDelivered, given_up: bool) {
        match &ended.outcome {
            Ok(_) => self.delivered += 1,
            Err(_) => self.failed += 1,
        }
        self.given_up += u64::from(given_up);
        self.last_status = ended.status().or(self.last_status);
        self.last = Some(ended.clone());
    }
}

impl WebhookDelivered {
    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.outcome
            .as_ref()
            .map_or_else(|error| error.status(), |status| Some(*status))
    }

    /// Tells the log.
    pub(super) fn log(&self, target: &str) {
        let Self {
            path,
            index,
            outcome,
            duration,
            retry_in,
            ..
        } = self;
        match outcome {
            Ok(status) => {
                tracing::debug!(%path, index, target, status, ?duration, "the state is delivered")
            }
            Err(error) => {
                let cause = std::error::Error::source(&**error).map(tracing::field::display);
                tracing::warn!(%path, index, target, %error, cause, ?retry_in, "the state is not delivered");
            }
        }
    }
}
