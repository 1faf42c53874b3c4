//! [`WebhookError`]: settings that cannot be used. [`DeliveryError`]: a call that failed.

use std::{error::Error, fmt, time::Duration};

use awc::http::StatusCode;

#[cfg(feature = "tls")]
use crate::client::TlsError;
use crate::client::readable;

/// Settings of a webhook that cannot be used. No variant shows a password, the value of a header or the path of a
/// URL, which often is a secret too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The URL is not one that can be called.
    #[error(
        "the handler's URL {reason}; write `https://host/path` (it is not shown, as it may hold a secret)"
    )]
    Url {
        /// The fault of it.
        reason: &'static str,
    },
    /// The method is not valid.
    #[error(
        "the `method` of the handler, `{method}`, is not an HTTP method; use POST, PUT or another word of letters"
    )]
    Method {
        /// The text, shortened.
        method: String,
    },
    /// The name of a header is not valid.
    #[error("`{name}` in `header` is not the name of a header; use letters, digits and `-`")]
    HeaderName {
        /// The text, shortened.
        name: String,
    },
    /// The value of a header has a character that would end it, such as a line break.
    #[error(
        "the value of the header `{name}` has a character that a header cannot carry, perhaps a line break from \
         a copy; remove it (the value is not shown)"
    )]
    HeaderValue {
        /// The header.
        name: String,
    },
    /// The handler or the connection sets this header.
    #[error("the handler sets the header `{name}`; leave it out")]
    Reserved {
        /// The header.
        name: String,
    },
    /// The timeout is zero.
    #[error(
        "the `timeout` of the handler is zero, in which no response can arrive; use at least 1 ms"
    )]
    Timeout,
    /// The key of the signature is empty.
    #[error(
        "the key of the signature is empty; put one where `secret` says, or leave `secret` out"
    )]
    EmptyKey,
    /// TLS cannot be set up.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// This build has no TLS.
    #[error("https is not built in; build with the feature `tls`, or use an http:// URL as `path`")]
    Unsupported,
}

/// A delivery that failed. `target` is the scheme, host and port of the URL, and no more of it. The text of a response
/// is not part of it, since a receiver may repeat the URL, a header or the state there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// There was no connection, or it ended before a response.
    #[error("{target} cannot be reached; check that it is up and that the URL is right")]
    Unreachable {
        /// The server.
        target: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The TLS handshake failed.
    #[error("{target} cannot be reached: the TLS handshake failed: {reason}; {remedy}")]
    Handshake {
        /// The server.
        target: String,
        /// The reason.
        reason: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// There was no response in time.
    #[error(
        "{target} did not respond within {}; it may have received the state nevertheless; raise the `timeout` of the \
         handler, or let the receiver respond before it works on the state",
        readable(*timeout)
    )]
    Timeout {
        /// The server.
        target: String,
        /// The timeout.
        timeout: Duration,
    },
    /// The response is not a success.
    #[error("{target} responded with {}; {}", Named(*status), remedy(*status))]
    Status {
        /// The server.
        target: String,
        /// The HTTP status.
        status: u16,
        /// The pause that the server asks for.
        retry_after: Option<Duration>,
    },
    /// The state cannot be written as JSON.
    #[error("the state cannot be written as JSON; please report it")]
    Payload {
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

/// A status with its name in the standard: the receiver's own may repeat anything.
struct Named(u16);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = StatusCode::from_u16(self.0).ok();
        match known.and_then(|status| status.canonical_reason()) {
            Some(reason) => write!(f, "{} {reason}", self.0),
            None => self.0.fmt(f),
        }
    }
}

fn remedy(status: u16) -> &'static str {
    match status {
        300..=399 => {
            "redirects are not followed; use the URL that it leads to as the `path` of the handler"
        }
        401 | 403 | 407 => "check the credentials in the `path` or the `header` of the handler",
        404 | 410 => "check the `path` of the handler",
        405 => "check the `method` of the handler",
        408 | 429 | 500..=599 => "check the receiver's own log",
        _ => {
            "check the receiver's own log, as the text of the response is not shown: it may repeat the state"
        }
    }
}

impl DeliveryError {
    /// Returns whether a retry may succeed: there was no response, or one with 429 or 5xx.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Handshake { .. } | Self::Timeout { .. } => true,
            Self::Status { status, .. } => *status == 429 || (500..=599).contains(status),
            Self::Payload { .. } => false,
        }
    }

    /// Returns the HTTP status, if there was a response.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns the pause that the server asks for (`Retry-After`, at most ten minutes).
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
    fn passing_errors_are_retried() {
        let status = |status| DeliveryError::Status {
            target: String::new(),
            status,
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
