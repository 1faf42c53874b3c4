//! Why a URL cannot be called, and why a call has failed.

use std::{error::Error, time::Duration};

#[cfg(feature = "tls")]
use crate::client::TlsError;

/// A handler that cannot be made. No variant shows a password, a header's value or a URL's path, which often
/// is a secret too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// What is to be called is no URL.
    #[error(
        "the handler's URL {reason}; write `https://host/path` (it is not shown, as it may hold a secret)"
    )]
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The method is none.
    #[error("`{method}` is no HTTP method; use POST, PUT or another word of letters")]
    Method {
        /// What was given, shortened.
        method: String,
    },
    /// A header's name is none.
    #[error("`{name}` is no name of a header; use letters, digits and `-`")]
    HeaderName {
        /// What was given, shortened.
        name: String,
    },
    /// A header's value has a character that would end it, such as a line break.
    #[error(
        "the value of the header `{name}` has a character that a header cannot carry, perhaps a line break from \
         a copy; correct it (its value is not shown)"
    )]
    HeaderValue {
        /// The header.
        name: String,
    },
    /// A header that the handler or the connection sets.
    #[error("the header `{name}` is set by the handler itself; leave it out")]
    Reserved {
        /// The header.
        name: String,
    },
    /// A timeout of zero.
    #[error("the handler's timeout is zero, in which no answer can come; give at least 1 ms")]
    Timeout,
    /// A signature needs a key.
    #[error("the key of the signature is empty; give one, or leave the signature out")]
    EmptyKey,
    /// TLS cannot be set up.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// This build has no TLS.
    #[error("https is not built in; build with the feature `tls`, or use an http:// URL")]
    Unsupported,
}

/// A delivery that has failed. `target` is scheme, host and port of the URL, and no more of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// No connection, or one that ended before an answer.
    #[error("{target} cannot be reached; is it up, and is the URL right?")]
    Unreachable {
        /// Whom.
        target: String,
        /// What the system says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// No answer in time.
    #[error("{target} has not answered within {timeout:?}; it may have got the state all the same")]
    Timeout {
        /// Who.
        target: String,
        /// How long it was waited.
        timeout: Duration,
    },
    /// An answer that is no success.
    #[error("{target} has answered {status}: {text}")]
    Status {
        /// Who.
        target: String,
        /// The HTTP status.
        status: u16,
        /// What it says, shortened.
        text: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The state cannot be written as JSON.
    #[error("the state cannot be written as JSON")]
    Payload {
        /// What the serializer says.
        #[source]
        source: serde_json::Error,
    },
}

impl DeliveryError {
    /// Whether another try may succeed: when there was no answer, or one with 429 or 5xx.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Status { status, .. } => *status == 429 || (500..=599).contains(status),
            Self::Payload { .. } => false,
        }
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long the server asks to be left alone (`RetryPolicy-After`, at most ten minutes).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again() {
        let status = |status| DeliveryError::Status {
            target: String::new(),
            status,
            text: String::new(),
            retry_after: None,
        };
        for passing in [429, 500, 502, 503, 504, 599] {
            assert!(status(passing).is_passing(), "{passing}");
        }
        for lasting in [101, 301, 302, 307, 400, 401, 404, 408, 410, 422] {
            assert!(!status(lasting).is_passing(), "{lasting}");
        }
    }
}
