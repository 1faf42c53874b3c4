//! A cluster of three servers.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::agent::{PORT_ATTEMPTS, TestAgent};
use crate::binary;
use crate::builder::{AgentBuilder, AgentError, AgentPorts};
use crate::ports::Ports;

/// Three real servers on 127.0.0.2, 127.0.0.3 and 127.0.0.4, each a [`TestAgent`]; they end when dropped.
///
/// On Linux all of these are loopback addresses; other systems have 127.0.0.1 alone.
#[derive(Debug)]
pub struct TestCluster {
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

    /// [`TestCluster::start`] without the panic.
    ///
    /// # Errors
    ///
    /// When there is no Consul, or the servers do not become one cluster.
    pub fn try_start() -> Result<Self, AgentError> {
        let mut attempts = PORT_ATTEMPTS;
        loop {
            attempts -= 1;
            match Self::launch() {
                Err(error) if error.is_of_ports() && attempts > 0 => {}
                outcome => return outcome,
            }
        }
    }

    fn launch() -> Result<Self, AgentError> {
        let binary = binary::consul()?;
        let block = Ports::reserve();
        let block = block.map_err(|source| AgentError::Io {
            what: "reserve ports".to_owned(),
            source,
        })?;
        let block = Arc::new(block);
        let ports = |host: u8| AgentPorts {
            block: Arc::clone(&block),
            host: Ipv4Addr::new(127, 0, 0, host),
        };
        let hosts = [2, 3, 4];
        let servers = hosts.map(|host| {
            let others = hosts.into_iter().filter(|other| *other != host);
            let peers = others.map(|other| ports(other).serf_lan()).collect();
            let spec = AgentBuilder::default().peers(peers);
            TestAgent::assemble(&spec, &binary, ports(host))
        });
        let servers = servers.into_iter().collect::<Result<Vec<_>, _>>()?;
        // None is ready before it has joined the others.
        servers.iter().try_for_each(TestAgent::spawn)?;
        servers.iter().try_for_each(TestAgent::wait_until_ready)?;
        Ok(Self { servers })
    }

    /// Returns the leader that the servers name, and the others.
    ///
    /// # Panics
    ///
    /// When no running server names one.
    #[track_caller]
    pub fn leader_and_followers(&self) -> (&TestAgent, Vec<&TestAgent>) {
        let running = self.servers.iter().filter(|server| server.pid().is_some());
        let known = running
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
            });
        let Some(leader) = known else {
            panic!("no server knows a leader")
        };
        let leads = |server: &&TestAgent| server.http_addr().ip() == leader.ip();
        let (leaders, followers): (Vec<_>, Vec<_>) = self.servers.iter().partition(leads);
        (leaders[0], followers)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn three_servers_have_one_leader_and_one_content() {
        let cluster = TestCluster::start();
        let (leader, followers) = cluster.leader_and_followers();
        assert_eq!(followers.len(), 2);
        followers[0].put("a", "1");
        assert_eq!(leader.get("a").expect("written").0, b"1");
        assert_eq!(followers[1].get("a").expect("written").0, b"1");
    }
}
