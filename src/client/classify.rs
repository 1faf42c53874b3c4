//! [`ClientError::class`]: the table of what each failure means to the engine.

use std::time::Duration;

use consul_watch_actors::{Failure, FailureClass, Refusal};

use super::{
    connect_stage::ConnectStage,
    error::{ClientError, Stage, is_elsewhere, is_page},
};

/// The age below which a connection that ends without an answer counts as refused. Consul refuses a connection
/// beyond its limit within moments of accepting it
/// (<https://developer.hashicorp.com/consul/docs/agent/config/config-files#http_max_conns_per_client>); a
/// restart of the agent cuts a query at any time of its wait.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);

/// The same for the connection budget, which a restart of the agent must not halve: Consul refuses at once.
const REFUSED_AT_ONCE: Duration = Duration::from_millis(250);

/// Parts of the texts, with status 500 or 503, of an agent that reaches no server that could answer: it has no leader, or
/// the connection to its server broke.
const NO_CONSUL: [&str; 11] = [
    "No cluster leader",
    "No known Consul servers",
    "rpc error getting client: failed to get conn",
    "lead thread didn't get connection",
    "rpc error making call: EOF",
    "i/o deadline reached",
    "grpc: the client connection is closing",
    "subscription closed by server, server is shutting down",
    "shutdown waiting for leader",
    "error reading from server: EOF",
    "resolver error",
];

/// The part that the texts of Consul's
/// [rate limits](https://developer.hashicorp.com/consul/docs/manage-traffic/rate-limit) have in common, in lower case.
const RATE_LIMIT: &str = "rate limit";

impl ClientError {
    /// The class of the failure, which decides what the engine does about it.
    ///
    /// | failure | class |
    /// |---|---|
    /// | the request cannot be built | invalid |
    /// | no connection: unknown host, refused, out of time, no trust by TLS | transient |
    /// | the connection ended within a second, before a byte of an answer | limit suspected |
    /// | 429 for too many concurrent connections | limit suspected |
    /// | the connection ended later | transient |
    /// | no answer, or no end of it, in time | transient |
    /// | not HTTP; a cut or undecodable body; not the JSON expected | transient |
    /// | an answer about something else than the request asks for | transient |
    /// | a body larger than the limit | too large |
    /// | 401, 403, 407 | denied |
    /// | 400, 405, 413, 414 by Consul | bad request |
    /// | the same with an HTML page, so by a proxy | transient |
    /// | 3xx: redirects are not followed, since they would carry the token away | transient |
    /// | 404 where absence means nothing: not there yet, or a proxy's | transient |
    /// | the servers have no leader | transient |
    /// | 500 for the name of a key | bad request |
    /// | 429, other 5xx, anything else | transient, after `Retry-After` |
    ///
    /// An answer that is too large is tried again as a transient failure, because the next value may fit; the
    /// error says how to raise the limit.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::ConnectionLimit { .. } => FailureClass::LimitSuspected,
            Self::Dropped { after, .. } if *after < REFUSED_WITHIN => FailureClass::LimitSuspected,
            Self::Denied { .. } => FailureClass::Denied,
            Self::TooLarge { .. } => FailureClass::TooLarge,
            Self::Build { .. } => FailureClass::Invalid,
            Self::KeyName { .. }
            | Self::Status {
                status: 400 | 405 | 413 | 414,
                from_consul: true,
                ..
            } => FailureClass::BadRequest,
            Self::Connect { .. }
            | Self::Dropped { .. }
            | Self::NoLeader { .. }
            | Self::Timeout { .. }
            | Self::Protocol { .. }
            | Self::Status { .. }
            | Self::Body { .. }
            | Self::Unrelated { .. }
            | Self::Decode { .. } => FailureClass::Transient,
        }
    }
}

impl ClientError {
    /// Whether it means that Consul is down for every query alike: no connection is made, or it ends before an
    /// answer, or no answer arrives in time, or the answer says that there is no Consul behind it or no leader, or
    /// that this client asks too often. A failure of TLS belongs to one configuration, and shows that a server is
    /// there.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Connect { stage, .. } => *stage != ConnectStage::Tls,
            Self::Dropped { .. }
            | Self::ConnectionLimit { .. }
            | Self::NoLeader { .. }
            | Self::Timeout {
                stage: Stage::Headers,
                ..
            }
            | Self::Status {
                status: 502..=504, ..
            } => true,
            _ => self.is_without_consul() || self.is_rate_limit(),
        }
    }

    /// Whether another server than Consul seems to have answered, as at a wrong address or path. A gateway that does not
    /// reach Consul answers with 5xx.
    pub fn is_not_of_consul(&self) -> bool {
        match self {
            Self::Protocol { .. } => true,
            Self::Status {
                status,
                from_consul,
                ..
            } => is_elsewhere(*status, *from_consul),
            Self::Decode { hint, .. } => hint.is_some_and(is_page),
            _ => false,
        }
    }

    /// Whether an agent says that it reaches no server that could answer.
    pub(super) fn is_without_consul(&self) -> bool {
        match self {
            Self::Status {
                status: 500..=504,
                text,
                ..
            } => NO_CONSUL.iter().any(|said| text.contains(said)),
            _ => false,
        }
    }

    /// Whether a rate limit of the server refused it; another server has another count.
    pub(crate) fn is_rate_limit(&self) -> bool {
        match self {
            Self::Status {
                status: 429, text, ..
            } => text.to_ascii_lowercase().contains(RATE_LIMIT),
            _ => false,
        }
    }

    /// The refusal that this error shows or suggests, by a server that accepts no more connections from this
    /// machine.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::ConnectionLimit { .. } => Some(Refusal::Stated),
            Self::Dropped { after, .. } => (*after < REFUSED_AT_ONCE).then_some(Refusal::Suspected),
            _ => None,
        }
    }
}

impl ClientError {
    /// Whether Consul is known to hold the query no longer: it answered, or never took the query.
    ///
    /// A connection that breaks in the middle of a wait proves nothing: Consul notices only when it writes. That
    /// holds for one that ends at once too. Consul refuses new connections so, but a query that may be held
    /// follows one that was answered, on its connection.
    pub(crate) fn is_released(&self) -> bool {
        match self {
            Self::Dropped { .. } => false,
            Self::Timeout { stage, .. } => *stage == Stage::Body,
            Self::Build { .. }
            | Self::Connect { .. }
            | Self::ConnectionLimit { .. }
            // The streaming backend lets go of a query that is cut off.
            | Self::NoLeader { .. }
            | Self::Protocol { .. }
            | Self::Status { .. }
            | Self::KeyName { .. }
            | Self::Denied { .. }
            | Self::Body { .. }
            | Self::TooLarge { .. }
            | Self::Unrelated { .. }
            | Self::Decode { .. } => true,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let pause = error.retry_after();
        let outage = error.is_outage();
        let released = error.is_released();
        Self::new(error.class(), error)
            .with_retry_after(pause)
            .with_outage(outage)
            .with_released(released)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_documents_have_the_same_table() {
        let documents = include_str!("../../docs/reliability.md");
        let rows = include_str!("classify.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("    /// |"));
        for row in rows {
            assert!(
                documents.contains(&format!("\n|{row}\n")),
                "docs/reliability.md lacks |{row}"
            );
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
        ClientError::Dropped {
            target: String::new(),
            after,
            source: io::ErrorKind::ConnectionReset.into(),
        }
    }

    #[test]
    fn statuses() {
        for (code, class) in [
            (400, FailureClass::BadRequest),
            (405, FailureClass::BadRequest),
            (413, FailureClass::BadRequest),
            (414, FailureClass::BadRequest),
            (301, FailureClass::Transient),
            (404, FailureClass::Transient),
            (408, FailureClass::Transient),
            (429, FailureClass::Transient),
            (500, FailureClass::Transient),
            (503, FailureClass::Transient),
        ] {
            assert_eq!(status(code, true).class(), class, "{code}");
            assert_eq!(
                status(code, false).class(),
                FailureClass::Transient,
                "{code} with a page"
            );
        }
        let denied = ClientError::Denied {
            target: String::new(),
            status: 403,
            text: String::new(),
        };
        assert_eq!(denied.class(), FailureClass::Denied);
    }

    fn connect(stage: ConnectStage) -> ClientError {
        let source = io::ErrorKind::ConnectionRefused.into();
        ClientError::Connect {
            target: String::new(),
            stage,
            source,
        }
    }

    fn timeout(stage: Stage) -> ClientError {
        ClientError::Timeout {
            target: String::new(),
            stage,
            deadline: Duration::from_secs(1),
            setting: None,
        }
    }

    fn said(text: &str) -> ClientError {
        let mut error = status(500, true);
        if let ClientError::Status { text: told, .. } = &mut error {
            text.clone_into(told);
        }
        error
    }

    #[test]
    fn an_outage_would_hit_every_query() {
        let outages = [
            connect(ConnectStage::Refused),
            connect(ConnectStage::Resolve),
            connect(ConnectStage::Timeout),
            dropped(Duration::from_millis(5)),
            dropped(Duration::from_secs(120)),
            timeout(Stage::Headers),
            status(502, false),
            status(503, true),
            said("No cluster leader"),
            said("rpc error making call: No cluster leader"),
            said("No known Consul servers"),
        ];
        for error in outages {
            assert!(Failure::from(error).is_outage());
        }
        let denied = ClientError::Denied {
            target: String::new(),
            status: 403,
            text: String::new(),
        };
        let others = [
            connect(ConnectStage::Tls),
            timeout(Stage::Body),
            status(404, false),
            status(429, true),
            said("rpc error making call: Permission denied"),
            said("No path to datacenter"),
            denied,
        ];
        for error in others {
            assert!(!Failure::from(error).is_outage());
        }
    }

    #[test]
    fn only_an_answer_or_no_connection_releases_a_query() {
        let released = [
            connect(ConnectStage::Refused),
            timeout(Stage::Body),
            status(500, true),
            status(403, true),
        ];
        for error in released {
            assert!(Failure::from(error).is_released());
        }
        let held = [
            dropped(Duration::from_millis(5)),
            dropped(Duration::from_secs(120)),
            timeout(Stage::Headers),
        ];
        for error in held {
            assert!(!Failure::from(error).is_released());
        }
    }

    #[test]
    fn only_an_end_at_once_suggests_a_limit() {
        assert_eq!(
            dropped(Duration::from_millis(5)).class(),
            FailureClass::LimitSuspected
        );
        assert_eq!(
            dropped(Duration::from_secs(120)).class(),
            FailureClass::Transient
        );
    }

    #[test]
    fn a_failure_keeps_the_pause_and_the_cause() {
        let failure = Failure::from(status(429, true));
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)));
        assert!(failure.cause().downcast_ref::<ClientError>().is_some());
    }
}
