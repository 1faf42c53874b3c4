//! The Consul of a run: one server, or a client agent in front of three.

use std::thread;
use std::time::Duration;

use consul_watch_harness::random::{Choices, Rng};
use consul_watch_harness::{
    DEADLINE, Http, Rights, TestAgent, TestCluster, eventually, eventually_some, release,
};

use crate::faults::Fault;
use crate::history::{EVERYTHING, History};

/// Asks for a cluster on an old Consul too.
const CLUSTER: &str = "CONSUL_WATCH_TORTURE_CLUSTER";

/// Clients stream from their servers since then, and most people ask a client.
const MODERN: (u32, u32) = (1, 14);

pub(crate) struct Site {
    /// The agent that is watched.
    agent: TestAgent,
    /// Its servers, if it is no server itself.
    cluster: Option<TestCluster>,
    /// The rights of the watches' token, if they need one.
    rights: Option<Rights>,
}

impl Site {
    /// Starts three servers with ACLs and a client agent if Consul is modern, and else one server.
    pub(crate) fn start() -> Self {
        let wanted = std::env::var_os(CLUSTER).is_some_and(|value| value != "0");
        if !wanted && release().is_none_or(|release| release < MODERN) {
            let agent = TestAgent::start();
            return Self {
                agent,
                cluster: None,
                rights: None,
            };
        }
        let settings = TestAgent::builder().acl().ready_within(DEADLINE);
        let servers = TestCluster::of(&settings);
        let cached = Duration::from_secs(30);
        let client = servers.client_with(|settings| settings.rights_cached_for(cached));
        let rights = Rights::create(&client, "torture", ALL);
        let site = Self {
            agent: client,
            cluster: Some(servers),
            rights: Some(rights),
        };
        site.wait_until_healthy();
        site
    }

    pub(crate) fn agent(&self) -> &TestAgent {
        &self.agent
    }

    pub(crate) fn rights(&self) -> Option<&Rights> {
        self.rights.as_ref()
    }

    fn servers(&self) -> &[TestAgent] {
        let alone = std::slice::from_ref(&self.agent);
        self.cluster.as_ref().map_or(alone, TestCluster::servers)
    }

    /// Returns a client for the writer of this number: each of a few writes to another server.
    pub(crate) fn server(&self, number: usize) -> Http {
        let servers = self.servers();
        servers[number % servers.len()].http()
    }

    /// Waits until every node that runs Consul is healthy, so that Consul registers nothing more on its own.
    pub(crate) fn wait_until_healthy(&self) {
        let agents = self.servers().len() + usize::from(self.cluster.is_some());
        eventually(DEADLINE, "each node is healthy", || {
            let reply = self
                .agent()
                .try_request("GET", "/v1/health/state/passing", &[], b"");
            reply.is_ok_and(|reply| reply.text().matches("\"serfHealth\"").count() == agents)
        });
    }

    /// Returns a random fault. An agent takes seconds to start, so it is killed less often.
    pub(crate) fn choose(&self, random: &mut Rng) -> Fault {
        match (self.cluster.is_some(), random.u64(..120)) {
            (false, 0) => Fault::AgentEmptied,
            (false, 1..=5) => Fault::AgentKilled,
            (false, 6..=10) => Fault::AgentPaused,
            (true, 0) => Fault::ServersRolled,
            (true, 1..=14) => random.pick(&[
                Fault::AgentKilled,
                Fault::AgentPaused,
                Fault::ServerPaused,
                Fault::LeaderPaused,
                Fault::MajorityPaused,
                Fault::ServerKilled,
                Fault::LeaderKilled,
            ]),
            _ => Fault::of_network(random),
        }
    }

    /// Returns the faults that even a short run has.
    pub(crate) fn certain_faults(&self) -> &'static [Fault] {
        if self.cluster.is_some() {
            &[
                Fault::AgentKilled,
                Fault::LeaderPaused,
                Fault::ServersRolled,
            ]
        } else {
            &[Fault::AgentKilled, Fault::AgentEmptied]
        }
    }

    /// Lets agents fail in this way and recover. The other faults are no faults of agents.
    pub(crate) fn fail(&self, fault: Fault, random: &mut Rng, history: &History) {
        let one = |random: &mut Rng| &self.servers()[random.usize(..self.servers().len())];
        let pause = |agents: &[&TestAgent], random: &mut Rng| {
            for agent in agents {
                agent.pause();
            }
            thread::sleep(random.up_to_ms(5000));
            for agent in agents {
                agent.resume();
            }
        };
        match fault {
            Fault::AgentPaused => pause(&[self.agent()], random),
            Fault::ServerPaused => pause(&[one(random)], random),
            Fault::LeaderPaused => pause(&[self.leader()], random),
            Fault::MajorityPaused => pause(&self.majority(), random),
            Fault::AgentKilled => kill(self.agent(), random),
            Fault::ServerKilled => kill(one(random), random),
            Fault::LeaderKilled => kill(self.leader(), random),
            Fault::ServersRolled => {
                if let Some(cluster) = &self.cluster {
                    cluster.roll();
                }
            }
            Fault::AgentEmptied => {
                history.remove(&[EVERYTHING], || {
                    self.agent().restart_empty();
                    Ok::<(), ()>(())
                });
            }
            _ => {}
        }
    }

    fn leader(&self) -> &TestAgent {
        let leader =
            |cluster| eventually_some(DEADLINE, "a leader", || TestCluster::leader(cluster));
        self.cluster.as_ref().map_or(&self.agent, leader)
    }

    /// Returns the leader and another server.
    fn majority(&self) -> Vec<&TestAgent> {
        let leader = self.leader();
        let others = self.servers().iter();
        let mut others = others.filter(|server| server.pid() != leader.pid());
        others.next().into_iter().chain([leader]).collect()
    }
}

fn kill(agent: &TestAgent, random: &mut Rng) {
    agent.kill();
    thread::sleep(random.up_to_ms(500));
    agent.restart();
}

/// The rules that let the watches read everything.
const ALL: &str = r#"
    key_prefix "torture" { policy = "read" }
    service_prefix "" { policy = "read" }
    node_prefix "" { policy = "read" }
"#;
