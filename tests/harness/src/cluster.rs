//! A cluster of three servers.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::agent::{PORT_ATTEMPTS, TestAgent};
use crate::binary;
use crate::builder::{AgentBuilder, AgentError, AgentPorts};
use crate::ports::Ports;

/// The last bytes of the servers' addresses.
const SERVERS: [u8; 3] = [2, 3, 4];
/// The last byte of a client agent's address.
const CLIENT: u8 = 5;

/// Three real servers on 127.0.0.2, 127.0.0.3 and 127.0.0.4, each a [`TestAgent`]; they end when dropped.
///
/// On Linux all of these are loopback addresses; other systems have 127.0.0.1 alone.
#[derive(Debug)]
pub struct TestCluster {
    spec: AgentBuilder,
    block: Arc<Ports>,
    servers: Vec<TestAgent>,
}

impl TestCluster {
    /// Starts the three and waits until each has a leader and takes a write.
    ///
    /// # Panics
    ///
    /// When there is no Consul, or the servers do not become one cluster.
    #[track_caller]
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("{error}"))
    }

    /// [`TestCluster::start`] with settings for each server, such as ACLs.
    ///
    /// # Panics
    ///
    /// When there is no Consul, or the servers do not become one cluster.
    #[track_caller]
    pub fn of(spec: &AgentBuilder) -> Self {
        Self::try_of(spec).unwrap_or_else(|error| panic!("{error}"))
    }

    /// [`TestCluster::start`] without the panic.
    ///
    /// # Errors
    ///
    /// When there is no Consul, or the servers do not become one cluster.
    pub fn try_start() -> Result<Self, AgentError> {
        Self::try_of(&AgentBuilder::default())
    }

    fn try_of(spec: &AgentBuilder) -> Result<Self, AgentError> {
        let mut attempts = PORT_ATTEMPTS;
        loop {
            attempts -= 1;
            match Self::launch(spec) {
                Err(error) if error.is_of_ports() && attempts > 0 => {}
                outcome => return outcome,
            }
        }
    }

    fn launch(spec: &AgentBuilder) -> Result<Self, AgentError> {
        let binary = binary::consul()?;
        let block = Ports::reserve();
        let block = block.map_err(|source| AgentError::Io {
            what: "reserve ports".to_owned(),
            source,
        })?;
        let block = Arc::new(block);
        let servers = SERVERS.map(|host| {
            let others = SERVERS.into_iter().filter(|other| *other != host);
            let peers = others.map(|other| ports(&block, other).serf_lan());
            let spec = spec.clone().peers(peers.collect());
            TestAgent::assemble(&spec, &binary, ports(&block, host))
        });
        let servers = servers.into_iter().collect::<Result<Vec<_>, _>>()?;
        // None is ready before it has joined the others.
        servers.iter().try_for_each(TestAgent::spawn)?;
        servers.iter().try_for_each(TestAgent::wait_until_ready)?;
        let spec = spec.clone();
        Ok(Self {
            spec,
            block,
            servers,
        })
    }

    /// Starts a client agent of the three on 127.0.0.5, with their settings; a cluster has one at most.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    #[track_caller]
    pub fn client(&self) -> TestAgent {
        self.client_with(|settings| settings)
    }

    /// [`TestCluster::client`] with further settings, such as
    /// [`rights_cached_for`](AgentBuilder::rights_cached_for).
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    #[track_caller]
    pub fn client_with(&self, change: impl FnOnce(AgentBuilder) -> AgentBuilder) -> TestAgent {
        let servers = SERVERS.map(|host| ports(&self.block, host).serf_lan());
        let spec = change(self.spec.clone().client().peers(servers.to_vec()));
        let ports = ports(&self.block, CLIENT);
        let client = binary::consul()
            .map_err(AgentError::from)
            .and_then(|binary| TestAgent::assemble(&spec, &binary, ports))
            .and_then(|client| client.run().map(|()| client));
        client.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns the servers, those that do not run too.
    pub fn servers(&self) -> &[TestAgent] {
        &self.servers
    }

    /// Restarts one server after the other, as for an upgrade.
    ///
    /// # Panics
    ///
    /// When one does not end or does not become ready again.
    #[track_caller]
    pub fn roll(&self) {
        for server in &self.servers {
            server.stop();
            server.restart();
        }
    }

    /// Returns the leader that the servers name; `None` while no running server names one.
    pub fn leader(&self) -> Option<&TestAgent> {
        let running = self.servers.iter().filter(|server| server.pid().is_some());
        let leader = running
            .filter_map(|server| {
                server
                    .try_request("GET", "/v1/status/leader", &[], b"")
                    .ok()
            })
            .find_map(|reply| {
                reply
                    .text()
                    .trim()
                    .trim_matches('"')
                    .parse::<std::net::SocketAddr>()
                    .ok()
            })?;
        let mut servers = self.servers.iter();
        servers.find(|server| server.http_addr().ip() == leader.ip())
    }

    /// Returns the leader that the servers name, and the others.
    ///
    /// # Panics
    ///
    /// When no running server names one.
    #[track_caller]
    pub fn leader_and_followers(&self) -> (&TestAgent, Vec<&TestAgent>) {
        let Some(leader) = self.leader() else {
            panic!("no server knows a leader")
        };
        let others = self.servers.iter();
        let others = others.filter(|server| server.http_addr() != leader.http_addr());
        (leader, others.collect())
    }
}

/// A cluster's agents have the same ports at different addresses.
fn ports(block: &Arc<Ports>, host: u8) -> AgentPorts {
    AgentPorts {
        block: Arc::clone(block),
        host: Ipv4Addr::new(127, 0, 0, host),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::wait::{DEADLINE, eventually};

    #[test]
    fn three_servers_have_one_leader_and_one_content() {
        let cluster = TestCluster::start();
        let (leader, followers) = cluster.leader_and_followers();
        assert_eq!(followers.len(), 2);
        followers[0].put("a", "1");
        assert_eq!(leader.get("a").expect("written").0, b"1");
        assert_eq!(followers[1].get("a").expect("written").0, b"1");
    }

    #[test]
    fn a_client_agent_answers_for_the_servers_over_a_rolling_restart() {
        let cluster = TestCluster::of(&TestAgent::builder().acl());
        let cached = std::time::Duration::from_secs(30);
        let client = cluster.client_with(|settings| settings.rights_cached_for(cached));
        let config = client.get_json("/v1/agent/self");
        assert_eq!(config["Config"]["Server"], false);
        client.put("a", "1");
        cluster.roll();
        // A connection to a server that has ended may fail one more answer.
        let answers = |agent: &TestAgent| {
            let entry = agent.http().try_entry("a").ok().flatten();
            entry.is_some_and(|entry| entry.value == b"1")
        };
        eventually(DEADLINE, "the client's answer", || answers(&client));
        for server in cluster.servers() {
            eventually(DEADLINE, "a server's answer", || answers(server));
        }
    }
}
