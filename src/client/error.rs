//! Why a request failed, by the stage it failed in.

use std::{fmt, io, time::Duration};

/// A failed request to Consul.
///
/// `target` is the method and the URL without its query. No variant holds a token or a password, and
/// what Consul or a proxy said is bounded and swept for them. What the engine does about each is the
/// table at [`ClientError::class`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The request cannot be made of what was given; nothing was sent.
    #[error("cannot build {target}: {reason}")]
    Build {
        /// Method and URL.
        target: String,
        /// What does not fit.
        reason: String,
    },
    /// No connection came about.
    #[error("cannot connect for {target}: {stage}; {}", stage.remedy())]
    Connect {
        /// Method and URL.
        target: String,
        /// How far it came.
        stage: ConnectStage,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The connection ended before a byte of an answer. Soon after the request was sent, this is how
    /// Consul refuses a connection beyond its limit.
    #[error(
        "the connection for {target} ended after {after:?}, before any answer; if it keeps happening, look at \
         Consul's `limits.http_max_conns_per_client` and at the size of what was sent"
    )]
    Dropped {
        /// Method and URL.
        target: String,
        /// How long after the request was started.
        after: Duration,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The answer did not come, or did not end, in time.
    #[error(
        "no {stage} for {target} within {deadline:?}; look at the network and at Consul's load"
    )]
    Timeout {
        /// Method and URL.
        target: String,
        /// What was waited for.
        stage: Stage,
        /// How long the whole call might take.
        deadline: Duration,
    },
    /// What came is not HTTP.
    #[error(
        "the answer to {target} is not HTTP; does a Consul agent listen there, and is it plain HTTP?"
    )]
    Protocol {
        /// Method and URL.
        target: String,
        /// What the parser says.
        #[source]
        source: io::Error,
    },
    /// An answer with a status that says it failed.
    #[error("{target} was answered with {status}: {text}")]
    Status {
        /// Method and URL.
        target: String,
        /// The HTTP status.
        status: u16,
        /// What Consul says about it, shortened; or what the page that stands in for it is.
        text: String,
        /// The pause that it asks for by `Retry-After`, if any: at most 10 minutes.
        retry_after: Option<Duration>,
        /// Whether Consul itself answered, as far as can be told: not with an HTML page.
        from_consul: bool,
    },
    /// The token does not allow it, or a proxy asks for credentials.
    #[error("{target} was denied with {status}: {text}; check the token and its policies")]
    Denied {
        /// Method and URL.
        target: String,
        /// 401, 403 or 407.
        status: u16,
        /// What Consul says about it, shortened.
        text: String,
    },
    /// The body was cut or could not be decompressed.
    #[error("the answer to {target} broke off after {received} bytes")]
    Body {
        /// Method and URL.
        target: String,
        /// How many bytes had come, after decompression.
        received: usize,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The body is larger than the configuration allows.
    #[error(
        "the answer to {target} is larger than {limit} bytes; watch less, or raise the limit by \
         `ConsulConfig::with_max_body_size`"
    )]
    TooLarge {
        /// Method and URL.
        target: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is not the JSON that was expected.
    #[error("the answer to {target} cannot be read at `{path}`{}", Hint(*hint))]
    Decode {
        /// Method and URL.
        target: String,
        /// Where in the JSON: `[3].Value`; `.` is the whole.
        path: String,
        /// What it seems to be instead.
        hint: Option<&'static str>,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
}

/// How far a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectStage {
    /// The host's name was not found.
    Resolve,
    /// Nobody listens at the address.
    Refused,
    /// The address was not reached in time.
    Timeout,
    /// The TLS handshake failed: a certificate is not trusted, or the port speaks no TLS.
    Tls,
    /// Anything else, such as a network that is down.
    Other,
}

impl ConnectStage {
    fn remedy(self) -> &'static str {
        match self {
            Self::Resolve => "check the name in CONSUL_HTTP_ADDR and the resolver",
            Self::Refused => "is the agent running, and is CONSUL_HTTP_ADDR its address?",
            Self::Timeout => "check the address, the network and its firewalls",
            Self::Tls => {
                "is it the agent's HTTPS port? check the authority (CONSUL_CACERT), the name \
                 (CONSUL_TLS_SERVER_NAME) and the client certificate (CONSUL_CLIENT_CERT)"
            }
            Self::Other => "check the network of this machine",
        }
    }
}

impl fmt::Display for ConnectStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "the host is not known",
            Self::Refused => "nobody listens there",
            Self::Timeout => "it cannot be reached in time",
            Self::Tls => "the TLS handshake failed",
            Self::Other => "the connection failed",
        })
    }
}

/// What a call was waiting for.
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

struct Hint(Option<&'static str>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
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
            | Self::Timeout { target, .. }
            | Self::Protocol { target, .. }
            | Self::Status { target, .. }
            | Self::Denied { target, .. }
            | Self::Body { target, .. }
            | Self::TooLarge { target, .. }
            | Self::Decode { target, .. } => target,
        }
    }

    /// The HTTP status, when it came to one that failed.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Denied { status, .. } => Some(*status),
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
    fn an_error_names_the_thing_the_reason_and_the_mend() {
        let error = ClientError::Connect {
            target: "GET http://127.0.0.1:8500/v1/kv/a".into(),
            stage: ConnectStage::Refused,
            source: io::ErrorKind::ConnectionRefused.into(),
        };
        assert_eq!(
            error.to_string(),
            "cannot connect for GET http://127.0.0.1:8500/v1/kv/a: nobody listens there; is the agent running, and \
             is CONSUL_HTTP_ADDR its address?"
        );
        assert_eq!(error.target(), "GET http://127.0.0.1:8500/v1/kv/a");
    }

    #[test]
    fn it_may_be_kept_and_sent() {
        fn kept<T: std::error::Error + Send + Sync + 'static>() {}
        kept::<ClientError>();
    }
}
