//! What each failure means to the engine: one table.

use std::time::Duration;

use consul_watch_actors::{Failure, FailureClass};

use super::error::ClientError;

/// Consul refuses a connection beyond its limit within moments of accepting it; a restart of the agent
/// cuts a query at any time of its wait. So only what ends sooner than this is taken for a refusal.
const AT_ONCE: Duration = Duration::from_secs(1);

impl ClientError {
    /// What the engine does about it.
    ///
    /// | failure | class |
    /// |---|---|
    /// | the request cannot be built | invalid |
    /// | no connection: unknown host, refused, out of time, no trust by TLS | transient |
    /// | the connection ended within a second, before a byte of an answer | limit suspected |
    /// | the connection ended later | transient |
    /// | no answer, or no end of it, in time | transient |
    /// | not HTTP; a cut or undecodable body; not the JSON expected | transient |
    /// | a body larger than the limit | too large |
    /// | 401, 403, 407 | denied |
    /// | 400, 405, 413, 414 by Consul | invalid |
    /// | the same with an HTML page, so by a proxy | transient |
    /// | 3xx: redirects are not followed, since they would carry the token away | transient |
    /// | 404 where absence means nothing: not there yet, or a proxy's | transient |
    /// | 429, 5xx, anything else | transient, after `Retry-After` |
    ///
    /// Too large is tried again as what is transient, because the next value may fit; the error says how to
    /// raise the limit.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Dropped { after, .. } if *after < AT_ONCE => FailureClass::LimitSuspected,
            Self::Denied { .. } => FailureClass::Denied,
            Self::TooLarge { .. } => FailureClass::TooLarge,
            Self::Build { .. } | Self::Status { status: 400 | 405 | 413 | 414, from_consul: true, .. } => {
                FailureClass::Invalid
            }
            Self::Connect { .. }
            | Self::Dropped { .. }
            | Self::Timeout { .. }
            | Self::Protocol { .. }
            | Self::Status { .. }
            | Self::Body { .. }
            | Self::Decode { .. } => FailureClass::Transient,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let pause = error.retry_after();
        Self::new(error.class(), error).retry_after(pause)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_documents_have_the_same_table() {
        let documents = include_str!("../../docs/reliability.md");
        let rows = include_str!("classify.rs").lines().filter_map(|line| line.strip_prefix("    /// |"));
        for row in rows {
            assert!(documents.contains(&format!("\n|{row}\n")), "docs/reliability.md lacks |{row}");
        }
    }

    fn status(status: u16, from_consul: bool) -> ClientError {
        ClientError::Status {
            target: String::new(),
            status,
            text: String::new(),
            retry_after: Some(Duration::from_secs(7)),
            from_consul,
        }
    }

    fn dropped(after: Duration) -> ClientError {
        ClientError::Dropped { target: String::new(), after, source: io::ErrorKind::ConnectionReset.into() }
    }

    #[test]
    fn statuses() {
        for (code, class) in [
            (400, FailureClass::Invalid),
            (405, FailureClass::Invalid),
            (301, FailureClass::Transient),
            (404, FailureClass::Transient),
            (408, FailureClass::Transient),
            (429, FailureClass::Transient),
            (500, FailureClass::Transient),
            (503, FailureClass::Transient),
        ] {
            assert_eq!(status(code, true).class(), class, "{code}");
            assert_eq!(status(code, false).class(), FailureClass::Transient, "{code} with a page");
        }
        let denied = ClientError::Denied { target: String::new(), status: 403, text: String::new() };
        assert_eq!(denied.class(), FailureClass::Denied);
    }

    #[test]
    fn only_an_end_at_once_suggests_a_limit() {
        assert_eq!(dropped(Duration::from_millis(5)).class(), FailureClass::LimitSuspected);
        assert_eq!(dropped(Duration::from_secs(120)).class(), FailureClass::Transient);
    }

    #[test]
    fn a_failure_keeps_the_pause_and_the_cause() {
        let failure = Failure::from(status(429, true));
        assert_eq!(failure.pause(), Some(Duration::from_secs(7)));
        assert!(failure.cause().downcast_ref::<ClientError>().is_some());
    }
}
