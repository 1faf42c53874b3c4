//! The wait until an agent is ready: its own node id answers, a leader is known, a write works.

use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;

use super::{TestAgent, until};
use crate::builder::AgentError;
use crate::http::Http;

/// Written and deleted again to see that writes work.
const READY_KEY: &str = "consul-watch-harness/ready";

/// The reason why an agent is not ready.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It may still become ready.
    NotYet(String),
    /// Another agent, with this node id, answers at the port.
    OtherAgent(String),
}

impl TestAgent {
    pub(crate) fn wait_until_ready(&self) -> Result<(), AgentError> {
        let mut reason = String::new();
        let outcome = until(self.spec.ready_within, || {
            if let Some(status) = self.ended() {
                return Some(Err(AgentError::Died {
                    status: status.to_string(),
                    log: self.log_tail(),
                }));
            }
            match self.ready() {
                Ok(()) => Some(Ok(())),
                Err(Missing::NotYet(missing)) => {
                    reason = missing;
                    None
                }
                Err(Missing::OtherAgent(node_id)) => Some(Err(AgentError::OtherAgent {
                    addr: self.http_addr(),
                    node_id,
                })),
            }
        });
        outcome.unwrap_or_else(|| {
            Err(AgentError::NotReady {
                within: self.spec.ready_within,
                reason,
                log: self.log_tail(),
            })
        })
    }

    fn ended(&self) -> Option<ExitStatus> {
        self.process()
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten())
    }

    /// Nothing is written before the node id has shown whose agent this is.
    pub(super) fn ready(&self) -> Result<(), Missing> {
        let http = self.http().with_timeout(Duration::from_secs(5));
        self.identify(&http)?;
        let leader = get(&http, "/v1/status/leader")?;
        if leader.trim().len() <= 2 {
            return Err(Missing::NotYet(format!("no leader yet ({leader})")));
        }
        http.try_put(READY_KEY, b"")
            .and_then(|()| http.try_delete(READY_KEY))
            .map_err(|error| Missing::NotYet(format!("no write yet ({error})")))
    }

    fn identify(&self, http: &Http) -> Result<(), Missing> {
        let answer: Value = serde_json::from_str(&get(http, "/v1/agent/self")?)
            .map_err(|error| Missing::NotYet(format!("/v1/agent/self is not JSON: {error}")))?;
        match answer["Config"]["NodeID"].as_str() {
            Some(node_id) if node_id == self.node_id => Ok(()),
            Some(node_id) => Err(Missing::OtherAgent(node_id.to_owned())),
            None => Err(Missing::NotYet("/v1/agent/self has no NodeID".to_owned())),
        }
    }
}

fn get(http: &Http, target: &str) -> Result<String, Missing> {
    match http.try_request("GET", target, &[], b"") {
        Ok(reply) if reply.status == 200 => Ok(reply.text()),
        Ok(reply) if reply.status == 403 => Err(Missing::NotYet(format!(
            "{target} is denied: give the agent its token by AgentBuilder::token ({})",
            reply.text().trim()
        ))),
        Ok(reply) => Err(Missing::NotYet(format!(
            "{target} answers {} {}",
            reply.status,
            reply.text().trim()
        ))),
        Err(error) => Err(Missing::NotYet(format!("{target}: {error}"))),
    }
}
