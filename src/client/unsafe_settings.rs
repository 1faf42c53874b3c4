//! [`ConsulConfig::warnings`]: settings that work and are not safe.

use std::path::Path;

use super::{
    address::{Address, Scheme},
    byte_size::shown_size,
    config::ConsulConfig,
    token::lacks_token,
};
use crate::permissions;

/// The name of a file of authorities in a warning.
pub(crate) const AUTHORITIES: &str = "the certificate authorities";

impl ConsulConfig {
    /// Returns warnings of settings that expose a token or the data: each names the setting and the remedy.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings_beside(false)
    }

    /// Returns the same, where requests may have a token of their own.
    pub(crate) fn warnings_beside(&self, own_tokens: bool) -> Vec<String> {
        let has_credentials = own_tokens
            || self.token().is_some()
            || self.token_file().is_some()
            || self.basic_auth().is_some();
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
        let is_secure = self
            .addresses()
            .iter()
            .any(|address| address.scheme() == Scheme::Https);
        let authorities = [self.tls().ca_file(), self.tls().ca_path()]
            .into_iter()
            .flatten()
            .filter(|_| is_secure && self.tls().verify())
            .filter_map(|place| permissions::warning(AUTHORITIES, place));
        let empty = self
            .token_file()
            .filter(|file| lacks_token(file))
            .map(without_token);
        file.into_iter()
            .chain(empty)
            .chain(authorities)
            .chain(clear)
            .chain(unverified)
            .chain(self.tight_budget())
            .collect()
    }

    /// Returns a warning of a budget in which the greatest answer has no room.
    fn tight_budget(&self) -> Option<String> {
        let (limit, budget) = (self.max_body_size(), self.body_budget());
        (budget < limit).then(|| {
            format!(
                "an answer of more than `body_budget` ({}) is refused, although `body_limit` ({}) allows it: raise the \
                 budget, or lower the limit",
                shown_size(budget),
                shown_size(limit)
            )
        })
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
            (at("https://other:8501").with_ca_file(open.path()), 1),
            (at("http://other:8500").with_ca_file(open.path()), 0),
            (at("http://other:8500").with_body_budget(1 << 20), 1),
        ] {
            let warnings = config.warnings();
            assert_eq!(warnings.len(), count, "{config:?}: {warnings:?}");
            assert!(!format!("{warnings:?}").contains("hunter2"));
        }
    }
}
