//! [`ClientError`]: a failed request, by the stage at which it failed.

use std::{fmt, io, time::Duration};

use super::{
    byte_size::shown_size,
    connect_stage::{ConnectStage, Unconnected},
    duration::readable,
};
use crate::absence::Why;

/// A failed request to Consul.
///
/// `target` is the method and the URL without its query. No variant holds a token or a password; the text of
/// Consul or a proxy is bounded, and credentials in it are replaced. The table at [`ClientError::class`] shows
/// what the engine does about each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The request cannot be built; nothing was sent.
    #[error("cannot build {target}: {reason}")]
    Build {
        /// Method and URL.
        target: String,
        /// The reason.
        reason: String,
    },
    /// No connection was made.
    #[error("cannot connect for {target}: {}", Unconnected(*stage, source))]
    Connect {
        /// Method and URL.
        target: String,
        /// The stage at which connecting failed.
        stage: ConnectStage,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The connection ended before a byte of an answer. Soon after the request, this is Consul's refusal of a
    /// connection beyond its
    /// [limit](https://developer.hashicorp.com/consul/docs/agent/config/config-files#http_max_conns_per_client).
    #[error(
        "the connection for {target} ended after {}, before any answer; if this repeats, check \
         Consul's `limits.http_max_conns_per_client` and the size of the request",
        readable(*after)
    )]
    Dropped {
        /// Method and URL.
        target: String,
        /// The time from the start of the request.
        after: Duration,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// Consul refused the connection, since it accepts no more of them from this machine
    /// ([`http_max_conns_per_client`](https://developer.hashicorp.com/consul/docs/agent/config/config-files#http_max_conns_per_client)).
    #[error(
        "Consul refused the connection for {target} ({text}); close other connections from this machine, watch \
         one prefix instead of many keys, use HTTPS, or raise `limits.http_max_conns_per_client` in Consul"
    )]
    ConnectionLimit {
        /// Method and URL.
        target: String,
        /// Consul's text, shortened.
        text: String,
    },
    /// The answer did not arrive, or did not end, in time, as with a half-open connection.
    #[error(
        "no {stage} for {target} within {}; check the network and Consul's load{}",
        readable(*deadline),
        More(*setting)
    )]
    Timeout {
        /// Method and URL.
        target: String,
        /// The part of the answer that is missing.
        stage: Stage,
        /// The time for all of the request.
        deadline: Duration,
        /// The setting that gives it more time, if there is one: `first_answer_timeout` or `request_timeout`.
        setting: Option<&'static str>,
    },
    /// The answer is not HTTP.
    #[error(
        "the answer to {target} is not HTTP; check that a Consul agent listens there, and that the port is \
         for plain HTTP"
    )]
    Protocol {
        /// Method and URL.
        target: String,
        /// The error of the parser.
        #[source]
        source: io::Error,
    },
    /// The status of the answer is an error.
    #[error("{target} was answered with {status}: {text}{}", Elsewhere(is_elsewhere(*status, *from_consul)))]
    Status {
        /// Method and URL.
        target: String,
        /// The HTTP status.
        status: u16,
        /// Consul's text, shortened; or the kind of page in its place.
        text: String,
        /// The pause that it asks for by `Retry-After`, if any: at most 10 minutes.
        retry_after: Option<Duration>,
        /// Whether Consul itself answered, as far as is known: without an HTML page.
        from_consul: bool,
    },
    /// The servers have no leader, so that the answer that the query waits for might be stale.
    #[error(
        "the servers behind {target} have no leader: {reason}; check that most of Consul's servers run"
    )]
    NoLeader {
        /// Method and URL of the request that showed it.
        target: String,
        /// The reason.
        reason: String,
    },
    /// Consul refuses the name of the key or prefix. Releases since 1.21.5 do so for some names, in a URL only: other
    /// keys of that kind come into being by transactions, and a watch of a prefix above them sees them.
    #[error(
        "Consul refuses the name {key:?} in {target}: {text}; rename the key, watch a prefix above it, or set \
         `disable_kv_key_validation` on the agent (Consul 1.21.6 and later)"
    )]
    KeyName {
        /// Method and URL.
        target: String,
        /// The full key or prefix.
        key: String,
        /// Consul's text, shortened.
        text: String,
    },
    /// The token does not allow it, or a proxy asks for credentials.
    #[error("{target} was denied with {status}: {text}; check the token and its policies")]
    Denied {
        /// Method and URL.
        target: String,
        /// 401, 403 or 407.
        status: u16,
        /// Consul's text, shortened.
        text: String,
    },
    /// The body was cut or could not be decompressed.
    #[error(
        "the answer to {target} broke off after {received} bytes; check the network and any proxy"
    )]
    Body {
        /// Method and URL.
        target: String,
        /// The number of bytes that arrived, after decompression.
        received: usize,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The body is larger than the configuration allows.
    #[error(
        "the answer to {target} is larger than {}; ask for less, or raise `{setting}` (option or field of a file)",
        shown_size(*limit)
    )]
    TooLarge {
        /// Method and URL.
        target: String,
        /// The limit, in bytes.
        limit: usize,
        /// The setting with that limit: `body_limit` ([`with_max_body_size`](super::ConsulConfig::with_max_body_size))
        /// or `body_budget` ([`with_body_budget`](super::ConsulConfig::with_body_budget)).
        setting: &'static str,
    },
    /// The answer is about something else than the request asks for.
    #[error(
        "the answer to {target} holds {found:?}, which is not {wanted}; check whether a proxy rewrites the URL"
    )]
    Unrelated {
        /// Method and URL.
        target: String,
        /// The name that the answer has, shortened.
        found: String,
        /// The subject of the request: `the requested key`, `of the requested prefix`.
        wanted: &'static str,
    },
    /// The body is not the expected JSON.
    #[error("the answer to {target} cannot be read at `{path}`{}", Hint(*hint))]
    Decode {
        /// Method and URL.
        target: String,
        /// The path in the JSON: `[3].Value`; `.` is the whole.
        path: String,
        /// The kind of body that it seems to be, if not JSON.
        hint: Option<&'static str>,
        /// The error of the parser.
        #[source]
        source: serde_json::Error,
    },
}

/// The part of an answer that a request waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The status and headers.
    Headers,
    /// The rest of the body.
    Body,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Headers => "answer",
            Self::Body => "end of the answer",
        })
    }
}

/// The remedy for an answer that is hardly Consul's.
struct Elsewhere(bool);

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 {
            f.write_str("; check CONSUL_HTTP_ADDR and its path")
        } else {
            Ok(())
        }
    }
}

/// The setting that allows more time.
struct More(Option<&'static str>);

impl fmt::Display for More {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(setting) => write!(f, ", or raise `{setting}` (option or field of a file)"),
            None => Ok(()),
        }
    }
}

/// Whether a status suggests another server than Consul. A 404 of Consul's own is that of an old agent, which lacks the
/// endpoint.
pub(super) fn is_elsewhere(status: u16, from_consul: bool) -> bool {
    // A proxy in front of Consul asks for a pause so.
    let is_busy = matches!(status, 408 | 425 | 429);
    status == 404 || (300..500).contains(&status) && !from_consul && !is_busy
}

/// Whether the hint of an answer says that it is a page.
pub(super) fn is_page(hint: &str) -> bool {
    hint == Why::HtmlPage.text()
}

struct Hint(Option<&'static str>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(hint) if is_page(hint) => {
                write!(f, ": {hint}; check CONSUL_HTTP_ADDR and its path")
            }
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl ClientError {
    /// Method and URL of the request, without its query.
    pub fn target(&self) -> &str {
        match self {
            Self::Build { target, .. }
            | Self::Connect { target, .. }
            | Self::Dropped { target, .. }
            | Self::ConnectionLimit { target, .. }
            | Self::Timeout { target, .. }
            | Self::Protocol { target, .. }
            | Self::Status { target, .. }
            | Self::NoLeader { target, .. }
            | Self::KeyName { target, .. }
            | Self::Denied { target, .. }
            | Self::Body { target, .. }
            | Self::TooLarge { target, .. }
            | Self::Unrelated { target, .. }
            | Self::Decode { target, .. } => target,
        }
    }

    /// The HTTP status, if the answer had one that is an error.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Denied { status, .. } => Some(*status),
            Self::ConnectionLimit { .. } => Some(429),
            Self::KeyName { .. } => Some(500),
            _ => None,
        }
    }

    /// The pause that Consul, or a proxy in front of it, asks for by `Retry-After`: at most 10 minutes.
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
    fn an_error_names_the_thing_the_reason_and_the_remedy() {
        let error = ClientError::Connect {
            target: "GET http://127.0.0.1:8500/v1/kv/a".into(),
            stage: ConnectStage::Refused,
            source: io::ErrorKind::ConnectionRefused.into(),
        };
        assert_eq!(
            error.to_string(),
            "cannot connect for GET http://127.0.0.1:8500/v1/kv/a: nobody listens there; check that the agent \
             runs and that CONSUL_HTTP_ADDR is its address"
        );
        assert_eq!(error.target(), "GET http://127.0.0.1:8500/v1/kv/a");
    }

    #[test]
    fn a_refused_name_is_shown_with_its_spaces() {
        let error = ClientError::KeyName {
            target: "GET http://127.0.0.1:8500/v1/kv/app/x%20".into(),
            key: "app/x ".into(),
            text: "invalid key name, leading/trailing spaces are not allowed".into(),
        };
        assert_eq!(
            error.to_string(),
            "Consul refuses the name \"app/x \" in GET http://127.0.0.1:8500/v1/kv/app/x%20: invalid key name, \
             leading/trailing spaces are not allowed; rename the key, watch a prefix above it, or set \
             `disable_kv_key_validation` on the agent (Consul 1.21.6 and later)"
        );
        assert_eq!(error.status(), Some(500));
    }

    #[test]
    fn it_may_be_kept_and_sent() {
        fn kept<T: std::error::Error + Send + Sync + 'static>() {}
        kept::<ClientError>();
    }
}
