//! [`ConsulConfig::warnings`]: settings that work and are not safe.

use std::path::Path;

use super::{
    address::{Address, Scheme},
    config::ConsulConfig,
    token::lacks_token,
};
use crate::permissions;

impl ConsulConfig {
    /// Returns warnings of settings that expose a token or the data: each names the setting and the remedy.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let has_credentials =
            self.token().is_some() || self.token_file().is_some() || self.basic_auth().is_some();
        let clear = self
            .addresses()
            .iter()
            .filter(|address| has_credentials && is_in_clear(address))
            .map(in_clear);
        let unverified = self
            .addresses()
            .iter()
            .filter(|address| address.scheme() == Scheme::Https && !self.tls().verify())
            .map(unverified);
        let file = self
            .token_file()
            .and_then(|file| permissions::warning("the token file", file));
        let empty = self
            .token_file()
            .filter(|file| lacks_token(file))
            .map(without_token);
        file.into_iter()
            .chain(empty)
            .chain(clear)
            .chain(unverified)
            .collect()
    }
}

/// The warning about a token file that is empty. Consul's own commands say nothing.
fn without_token(file: &Path) -> String {
    format!(
        "the token file {} is empty, so requests have no token until it has one; put the token in it, or leave the \
         file out",
        file.display()
    )
}

/// Whether everybody on the way to the address can read what is sent.
pub(super) fn is_in_clear(address: &Address) -> bool {
    address.scheme() == Scheme::Http && !address.is_local()
}

/// The warning about a token for such an address.
pub(super) fn in_clear(address: impl std::fmt::Display) -> String {
    format!(
        "the token or password for {address} is sent in clear: others on the network can read and use it; use \
         https://, or the address of an agent on this machine"
    )
}

/// The warning about a server that another one could pose as.
pub(crate) fn unverified(server: impl std::fmt::Display) -> String {
    format!(
        "the certificate of {server} is not verified: others on the network can read and change all data, tokens \
         included; name its authority instead (CONSUL_CACERT, `--ca-file` or `ca_file`)"
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_exposes_a_token_is_named() {
        let at = |address: &str| ConsulConfig::default().with_address(address).unwrap();
        let open = tempfile::NamedTempFile::new().unwrap();
        let mode = std::fs::Permissions::from_mode(0o606);
        std::fs::set_permissions(open.path(), mode).unwrap();
        for (config, count) in [
            (at("http://other:8500"), 0),
            (at("http://other:8500").with_token("hunter2"), 1),
            (at("http://other:8500").with_basic_auth("me", "hunter2"), 1),
            (at("http://127.1.2.3:8500").with_token("hunter2"), 0),
            (at("http://localhost:8500").with_token("hunter2"), 0),
            (at("http://[::1]:8500").with_token("hunter2"), 0),
            (at("unix:///run/consul.sock").with_token("hunter2"), 0),
            (at("https://other:8501").with_token("hunter2"), 0),
            (at("https://other:8501").with_tls_verify(false), 1),
            (at("http://other:8500").with_tls_verify(false), 0),
            (at("http://other:8500").with_token_file(open.path()), 3),
        ] {
            let warnings = config.warnings();
            assert_eq!(warnings.len(), count, "{config:?}: {warnings:?}");
            assert!(!format!("{warnings:?}").contains("hunter2"));
        }
    }
}
