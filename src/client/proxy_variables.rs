//! The variables that name a proxy, which are not followed.

use std::{
    env,
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use super::address::{Address, Scheme};

const NAMES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Tells, once in the life of the process, that a proxy's variable is set and not followed: a forward proxy
/// would see every token, and would cut queries that are held for minutes.
pub(super) fn warn(address: &Address) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if is_local(address) {
        return;
    }
    let set = NAMES.into_iter().find(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    if let Some(name) = set
        && !TOLD.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            variable = name,
            address = %address,
            "proxy variables are ignored: Consul is asked directly; where only a reverse proxy can reach it, \
             give that one's address"
        );
    }
}

/// Nobody expects a proxy in between.
fn is_local(address: &Address) -> bool {
    let (host, _) = address.host_and_port();
    address.scheme() == Scheme::Unix
        || host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_local() {
        let local = |text: &str| is_local(&text.parse().unwrap());
        assert!(
            local("127.0.0.2:8500") && local("https://[::1]") && local("LOCALHOST") && local("unix:///a")
        );
        assert!(!local("10.0.0.1") && !local("consul.example"));
    }
}
