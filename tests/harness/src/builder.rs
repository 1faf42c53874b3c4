//! The settings of a test's agent.

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::agent::TestAgent;
use crate::binary::BinaryError;
use crate::ports::Ports;
use crate::release;
use crate::rights::MANAGEMENT;

/// The reason why an agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There is no Consul to run.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// A file, a port or the process is not to be had.
    #[error("cannot {what}: {source}")]
    Io {
        /// The attempted operation.
        what: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The agent ended instead of serving; most often its configuration is wrong.
    #[error("the Consul agent ended with {status} before it was ready; the end of its log:\n{log}")]
    Died {
        /// Its exit status.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// Another program's Consul agent answers at the port.
    #[error("another Consul agent, with the node id {node_id}, answers at {addr}: stop it")]
    OtherAgent {
        /// The address of the HTTP port.
        addr: SocketAddr,
        /// The other agent's node id.
        node_id: String,
    },
    /// The agent runs, but had no leader or took no write in time.
    #[error(
        "the Consul agent was not ready within {within:?}: {reason}; the end of its log:\n{log}"
    )]
    NotReady {
        /// The time it had.
        within: Duration,
        /// The last thing that was missing.
        reason: String,
        /// The end of its log.
        log: String,
    },
}

impl AgentError {
    /// Whether other ports may help.
    pub(crate) fn is_of_ports(&self) -> bool {
        match self {
            Self::Died { log, .. } => log.contains("address already in use"),
            Self::OtherAgent { .. } => true,
            _ => false,
        }
    }
}

/// Builds a [`TestAgent`]; see [`TestAgent::builder`].
#[derive(Clone)]
pub struct AgentBuilder {
    pub(crate) dev: bool,
    pub(crate) token: Option<String>,
    pub(crate) ready_within: Duration,
    https: bool,
    log_level: String,
    fragments: Vec<String>,
    config_dir: Option<PathBuf>,
    client: bool,
    peers: Vec<SocketAddr>,
}

impl Default for AgentBuilder {
    fn default() -> Self {
        Self {
            dev: false,
            token: None,
            ready_within: Duration::from_secs(30),
            https: false,
            log_level: "warn".to_owned(),
            fragments: Vec::new(),
            config_dir: None,
            client: false,
            peers: Vec::new(),
        }
    }
}

/// Omits token and configuration: a failing test prints this.
impl fmt::Debug for AgentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentBuilder")
            .field("dev", &self.dev)
            .finish_non_exhaustive()
    }
}

impl AgentBuilder {
    /// Uses Consul's `-dev`, which starts in a tenth of a second with Connect on and keeps nothing over a restart.
    #[must_use]
    pub fn dev(mut self) -> Self {
        self.dev = true;
        self
    }

    /// Adds a piece of configuration, in JSON when it starts with `{`, else in HCL. Later pieces win.
    #[must_use]
    pub fn config(mut self, fragment: impl Into<String>) -> Self {
        self.fragments.push(fragment.into());
        self
    }

    /// Adds a directory of configuration, which the agent reads again when it reloads.
    #[must_use]
    pub fn config_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config_dir = Some(directory.into());
        self
    }

    /// Opens the HTTPS port ([`TestAgent::https_addr`]); the certificates come by [`AgentBuilder::config`].
    #[must_use]
    pub fn https(mut self) -> Self {
        self.https = true;
        self
    }

    /// Sets the token of the harness's own requests, which an agent with ACLs needs.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Turns ACLs on: what no policy allows is denied, and [`MANAGEMENT`] has all rights, also for the agent and the
    /// harness.
    #[must_use]
    pub fn acl(self) -> Self {
        let first = if release::is_since((1, 11)) {
            "initial_management"
        } else {
            "master"
        };
        let tokens = json!({ first: MANAGEMENT, "agent": MANAGEMENT });
        let acl = json!({ "enabled": true, "default_policy": "deny", "tokens": tokens });
        self.config(json!({ "acl": acl }).to_string())
            .token(MANAGEMENT)
    }

    /// Sets the time for which the agent caches tokens, policies and roles, beyond it while no server answers.
    #[must_use]
    pub fn rights_cached_for(self, time: Duration) -> Self {
        let time = format!("{}ms", time.as_millis());
        let acl = json!({
            "token_ttl": time, "policy_ttl": time, "role_ttl": time, "down_policy": "extend-cache",
        });
        self.config(json!({ "acl": acl }).to_string())
    }

    /// Sets the level of the agent's log. Default: `warn`.
    #[must_use]
    pub fn log_level(mut self, level: impl Into<String>) -> Self {
        self.log_level = level.into();
        self
    }

    /// Makes it no server but a client, of the servers that it joins.
    pub(crate) fn client(mut self) -> Self {
        self.client = true;
        self
    }

    /// The servers of its cluster that it joins, by the addresses of their gossip.
    pub(crate) fn peers(mut self, peers: Vec<SocketAddr>) -> Self {
        self.peers = peers;
        self
    }

    /// Sets the time that the agent may take until it is ready. Default: 30 s.
    #[must_use]
    pub fn ready_within(mut self, limit: Duration) -> Self {
        self.ready_within = limit;
        self
    }

    /// Starts the agent and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready; the message holds the end of its log.
    #[track_caller]
    pub fn start(self) -> TestAgent {
        self.try_start().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the agent and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When there is no Consul, or the agent does not become ready.
    pub fn try_start(self) -> Result<TestAgent, AgentError> {
        TestAgent::launch(&self)
    }

    /// Writes the configuration files into `home` and returns the command that runs the agent with them.
    pub(crate) fn command(
        &self,
        binary: &Path,
        home: &Path,
        ports: &AgentPorts,
        node_id: &str,
    ) -> io::Result<Command> {
        let mut config = json!({
            "node_name": "harness",
            "bind_addr": ports.host,
            "client_addr": ports.host,
            "log_level": self.log_level,
            "disable_update_check": true,
            "disable_remote_exec": true,
            "leave_on_terminate": false,
            "skip_leave_on_interrupt": true,
            "ports": {
                "http": ports.http().port(),
                "https": if self.https { i32::from(ports.https().port()) } else { -1 },
                "server": ports.server().port(),
                "serf_lan": ports.serf_lan().port(),
                "serf_wan": -1,
                "grpc": -1,
                "dns": -1,
            },
        });
        // Servers open a port for gRPC over TLS by default since 1.14; older versions refuse the setting.
        if release::is_since((1, 14)) {
            config["ports"]["grpc_tls"] = json!(-1);
        }
        if self.dev {
            // Consul 1.16 writes services to `/data` in this mode and finds them again in the next agent.
            let data = home.join("dev-data");
            if data.exists() {
                fs::remove_dir_all(&data)?;
            }
            config["data_dir"] = json!(data);
        } else {
            config["server"] = json!(!self.client);
            if !self.client {
                config["bootstrap_expect"] = json!(1);
            }
            config["data_dir"] = json!(home.join("data"));
            // The shortest elections that Consul allows: one to two seconds.
            config["performance"] = json!({ "raft_multiplier": 1 });
        }
        if !self.peers.is_empty() {
            let kind = if self.client { "client" } else { "server" };
            config["node_name"] = json!(format!("{kind}-{}", ports.host.octets()[3]));
            config["retry_join"] = json!(self.peers);
            config["retry_interval"] = json!("200ms");
            if !self.client {
                config["bootstrap_expect"] = json!(self.peers.len() + 1);
                // A killed server stays one of the three, or the majority would change.
                config["autopilot"] = json!({ "cleanup_dead_servers": false });
            }
        }
        let mut files = vec![(home.join("base.json"), config.to_string())];
        for (turn, fragment) in self.fragments.iter().enumerate() {
            let kind = if fragment.trim_start().starts_with('{') {
                "json"
            } else {
                "hcl"
            };
            files.push((home.join(format!("extra-{turn}.{kind}")), fragment.clone()));
        }
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(log_path(home))?;
        let mut command = Command::new(binary);
        command
            .args(["agent", "-node-id", node_id])
            .current_dir(home);
        if self.dev {
            command.arg("-dev");
        }
        for (path, text) in files {
            fs::write(&path, text)?;
            command.arg("-config-file").arg(path);
        }
        if let Some(directory) = &self.config_dir {
            command.arg("-config-dir").arg(directory);
        }
        // The caller's environment may name another Consul.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CONSUL_") {
                command.env_remove(name);
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }
}

pub(crate) fn log_path(home: &Path) -> PathBuf {
    home.join("agent.log")
}

/// The agent's ports, the same over all its restarts.
#[derive(Debug)]
pub(crate) struct AgentPorts {
    /// The servers of a cluster have the same ports at different addresses.
    pub(crate) block: Arc<Ports>,
    pub(crate) host: Ipv4Addr,
}

impl AgentPorts {
    fn at(&self, place: u16) -> SocketAddr {
        (self.host, self.block.addr(place).port()).into()
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.at(0)
    }

    pub(crate) fn https(&self) -> SocketAddr {
        self.at(1)
    }

    fn server(&self) -> SocketAddr {
        self.at(2)
    }

    pub(crate) fn serf_lan(&self) -> SocketAddr {
        self.at(3)
    }
}
