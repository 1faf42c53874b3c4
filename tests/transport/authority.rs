//! Certificates as Consul's own commands make them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use consul_watch_harness::{AgentBuilder, TestAgent, consul};
use tempfile::TempDir;

/// An authority with a certificate for a server and one for a client.
pub(crate) struct Authority(TempDir);

impl Authority {
    pub(crate) fn new() -> Self {
        let authority = Self(TempDir::new().expect("a directory"));
        authority.run(&["ca", "create"]);
        authority.run(&["cert", "create", "-server"]);
        authority.run(&["cert", "create", "-client"]);
        authority
    }

    /// Makes a certificate for the server anew, with this further name.
    pub(crate) fn for_another_name(&self, name: &str) {
        for file in ["dc1-server-consul-0.pem", "dc1-server-consul-0-key.pem"] {
            std::fs::remove_file(self.file(file)).expect("it was there");
        }
        self.run(&["cert", "create", "-server", "-additional-dnsname", name]);
    }

    /// A builder of agents that prove by it who they are.
    pub(crate) fn agent(&self) -> AgentBuilder {
        let shown = |name: &str| self.file(name).display().to_string();
        let config = format!(
            "ca_file = \"{}\"\ncert_file = \"{}\"\nkey_file = \"{}\"",
            shown("consul-agent-ca.pem"),
            shown("dc1-server-consul-0.pem"),
            shown("dc1-server-consul-0-key.pem"),
        );
        TestAgent::builder().dev().https().config(config)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.file("consul-agent-ca.pem")
    }

    /// The client's certificate and key.
    pub(crate) fn client(&self) -> (PathBuf, PathBuf) {
        (self.file("dc1-client-consul-0.pem"), self.file("dc1-client-consul-0-key.pem"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new(consul().expect("a Consul"));
        command.arg("tls").args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "consul tls {arguments:?}: {output:?}");
    }
}
