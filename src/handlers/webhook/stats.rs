//! Reports and statistics of the calls of a webhook.

use std::{sync::Arc, time::Duration};

use actix::Message;
use consul_watch_actors::WatchPath;

use super::error::DeliveryError;
use crate::handlers::{handled_change::HandledChange, run_stats::milliseconds};

/// The end of a call.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct WebhookDelivered {
    /// The watch whose state it was to deliver.
    pub path: WatchPath,
    /// The index of that state.
    pub index: u64,
    /// The status of a success, or the error.
    pub outcome: Result<u16, Arc<DeliveryError>>,
    /// The time it took.
    pub duration: Duration,
    /// The number of the attempt at this state, beginning with 1.
    pub attempt: u32,
    /// The time until it is retried; `None` if it is not.
    pub retry_in: Option<Duration>,
    /// The update that it was to deliver.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "the daemon reads it")
    )]
    pub(crate) change: Option<HandledChange>,
}

/// Asks a handler for its [`WebhookStats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "WebhookStats")]
pub struct GetWebhookStats;

/// The numbers of a handler's calls.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WebhookStats {
    /// Calls with a response of 2xx.
    pub delivered: u64,
    /// Calls that failed, including those that were retried.
    pub failed: u64,
    /// States that were given up: refused, or out of attempts. A state that a newer one replaced is not
    /// counted.
    pub given_up: u64,
    /// Calls that are open now.
    pub open: usize,
    /// States that wait for their turn or for a retry.
    pub waiting: usize,
    /// The status of the last response, whatever it was.
    pub last_status: Option<u16>,
    /// The call that ended last.
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
        // The statistics must not keep a whole state in memory.
        self.last = Some(WebhookDelivered {
            change: None,
            ..ended.clone()
        });
    }
}

impl WebhookDelivered {
    /// Returns the status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.outcome
            .as_ref()
            .map_or_else(|error| error.status(), |status| Some(*status))
    }

    /// Logs the call in one line: an info, or a warning if it failed.
    pub(super) fn log(&self, label: Option<&str>, target: &str) {
        // The formatter escapes it, once.
        let path = self.path.to_string();
        let (label, path) = (label.unwrap_or(&path), path.as_str());
        let (kind, status) = ("http", self.status());
        let duration_ms = milliseconds(self.duration);
        let (attempt, index) = (self.attempt, self.index);
        let retry_in_ms = self.retry_in.map(milliseconds);
        match &self.outcome {
            Ok(_) => {
                tracing::info!(
                    label,
                    kind,
                    status,
                    duration_ms,
                    attempt,
                    index,
                    path,
                    target,
                    "webhook delivered"
                );
            }
            Err(error) => {
                let cause = std::error::Error::source(&**error).map(ToString::to_string);
                let (error, cause) = (error.to_string(), cause.as_deref());
                tracing::warn!(
                    label,
                    kind,
                    status,
                    error,
                    cause,
                    duration_ms,
                    attempt,
                    retry_in_ms,
                    index,
                    path,
                    target,
                    "webhook not delivered"
                );
            }
        }
    }
}
