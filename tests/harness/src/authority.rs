//! Certificates as Consul's own commands make them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::agent::TestAgent;
use crate::binary::consul;
use crate::builder::AgentBuilder;

/// An authority with a certificate for a server and one for a client; its files are gone when dropped.
#[derive(Debug)]
pub struct Authority(TempDir);

impl Authority {
    /// Makes the authority and both certificates.
    ///
    /// # Panics
    ///
    /// When there is no Consul, or it cannot make them.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it runs programs")]
    pub fn new() -> Self {
        let home =
            TempDir::new().unwrap_or_else(|error| panic!("cannot make a directory: {error}"));
        let authority = Self(home);
        authority.run(&["ca", "create"]);
        authority.run(&["cert", "create", "-server"]);
        authority.run(&["cert", "create", "-client"]);
        authority
    }

    /// Makes a certificate for the server anew, with this further name.
    ///
    /// # Panics
    ///
    /// When Consul cannot make it.
    #[track_caller]
    pub fn for_another_name(&self, name: &str) {
        for file in ["dc1-server-consul-0.pem", "dc1-server-consul-0-key.pem"] {
            let path = self.file(file);
            std::fs::remove_file(&path)
                .unwrap_or_else(|error| panic!("cannot remove {}: {error}", path.display()));
        }
        self.run(&["cert", "create", "-server", "-additional-dnsname", name]);
    }

    /// A builder of `-dev` agents that prove by it who they are.
    pub fn agent(&self) -> AgentBuilder {
        self.certify(TestAgent::builder().dev())
    }

    /// Gives the agent an HTTPS port, where it proves by this authority who it is.
    #[must_use]
    pub fn certify(&self, agent: AgentBuilder) -> AgentBuilder {
        let shown = |name: &str| self.file(name).display().to_string();
        let config = format!(
            "ca_file = \"{}\"\ncert_file = \"{}\"\nkey_file = \"{}\"",
            shown("consul-agent-ca.pem"),
            shown("dc1-server-consul-0.pem"),
            shown("dc1-server-consul-0-key.pem"),
        );
        agent.https().config(config)
    }

    /// The directory that all its files are in, keys among them.
    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    /// The certificate that a client has to trust.
    pub fn certificate(&self) -> PathBuf {
        self.file("consul-agent-ca.pem")
    }

    /// The client's certificate and key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (
            self.file("dc1-client-consul-0.pem"),
            self.file("dc1-client-consul-0-key.pem"),
        )
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) {
        let program = consul().unwrap_or_else(|error| panic!("{error}"));
        let mut command = Command::new(program);
        command
            .arg("tls")
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("consul tls: {error}"));
        assert!(
            output.status.success(),
            "consul tls {arguments:?}: {output:?}"
        );
    }
}
