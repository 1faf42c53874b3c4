//! [`Webhook::warnings`]: settings of calls that work and are not safe.

use super::{options::Webhook, target_url::TargetUrl};
use crate::client::{Scheme, unverified};

/// The headers whose values let others act in the sender's name.
const CREDENTIALS: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-consul-token",
];

impl Webhook {
    /// Returns warnings of settings that expose credentials or data; none for a URL that cannot be called.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let Ok(url) = TargetUrl::read(self.url.expose()) else {
            return Vec::new();
        };
        let mut warnings = Vec::new();
        let address = &url.address;
        let mut names = self.headers.iter().map(|(name, _)| name);
        let has_credentials = url.authorization.is_some()
            || names.any(|name| CREDENTIALS.iter().any(|it| name.eq_ignore_ascii_case(it)));
        if has_credentials && address.scheme() == Scheme::Http && !address.is_local() {
            warnings.push(format!(
                "the credentials of the http handler for {address} are sent in clear: others on the network can read \
                 and use them; use https://"
            ));
        }
        if address.scheme() == Scheme::Https && !self.verify {
            warnings.push(unverified(address));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposed_credentials_and_unverified_servers_are_named_without_a_secret() {
        for (webhook, count) in [
            (Webhook::new("http://me:hunter2@hooks.example/hunter2"), 1),
            (
                Webhook::new("http://hooks.example/").header("AUTHORIZATION", "hunter2"),
                1,
            ),
            (
                Webhook::new("http://hooks.example/").header("X-Consul-Token", "hunter2"),
                1,
            ),
            (
                Webhook::new("http://hooks.example/").header("Proxy-Authorization", "hunter2"),
                1,
            ),
            (
                Webhook::new("http://hooks.example/").header("Cookie", "id=hunter2"),
                1,
            ),
            (
                Webhook::new("http://hooks.example/").header("X-Team", "hunter2"),
                0,
            ),
            (Webhook::new("http://me:hunter2@127.0.0.1/"), 0),
            (Webhook::new("https://me:hunter2@hooks.example/"), 0),
            (Webhook::new("http://hooks.example/hunter2"), 0),
            (
                Webhook::new("https://hooks.example/hunter2").verify(false),
                1,
            ),
            (
                Webhook::new("http://hooks.example/hunter2").verify(false),
                0,
            ),
        ] {
            let warnings = webhook.warnings();
            assert_eq!(warnings.len(), count, "{webhook:?}: {warnings:?}");
            assert!(!format!("{warnings:?}").contains("hunter2"), "{warnings:?}");
        }
    }
}
