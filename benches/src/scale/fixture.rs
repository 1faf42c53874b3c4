//! A stock agent, and the means to fill and to reach it.

use std::net::SocketAddr;
use std::time::Duration;

use consul_watch_harness::{Authority, TestAgent};

use crate::kv_writer::KvWriter;

/// A stock agent, reached over HTTP or HTTPS.
pub(crate) struct Fixture {
    pub(crate) agent: TestAgent,
    /// Connected before there are any watches, so that no connection limit refuses it.
    pub(crate) writer: KvWriter,
    authority: Option<Authority>,
}

impl Fixture {
    /// An agent without data on disk, reached over plain HTTP.
    pub(crate) fn plain() -> Result<Self, String> {
        let agent = TestAgent::builder()
            .dev()
            .try_start()
            .map_err(|error| error.to_string())?;
        Self::of(agent, None)
    }

    /// An agent without data on disk, reached over HTTPS.
    pub(crate) fn secure() -> Result<Self, String> {
        let authority = Authority::new();
        let agent = authority
            .agent()
            .try_start()
            .map_err(|error| error.to_string())?;
        Self::of(agent, Some(authority))
    }

    /// An agent that keeps its data over a restart, reached over HTTPS.
    pub(crate) fn lasting() -> Result<Self, String> {
        let authority = Authority::new();
        let patient = TestAgent::builder().ready_within(Duration::from_secs(60));
        let agent = authority
            .certify(patient)
            .try_start()
            .map_err(|error| error.to_string())?;
        Self::of(agent, Some(authority))
    }

    fn of(agent: TestAgent, authority: Option<Authority>) -> Result<Self, String> {
        let writer = KvWriter::to(agent.http_addr())?;
        Ok(Self {
            agent,
            writer,
            authority,
        })
    }

    /// The address that watches use.
    pub(crate) fn address(&self) -> SocketAddr {
        if self.authority.is_some() {
            self.agent.https_addr()
        } else {
            self.agent.http_addr()
        }
    }

    /// The address and the certificate as arguments of a child process.
    pub(super) fn target(&self, address: SocketAddr) -> [String; 2] {
        match &self.authority {
            Some(authority) => [
                format!("https://{address}"),
                authority.certificate().display().to_string(),
            ],
            None => [format!("http://{address}"), "-".to_owned()],
        }
    }
}
