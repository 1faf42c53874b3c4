//! The environment variables that name a forward proxy, which this client ignores.

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
};

use super::address::Address;

const NAMES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Warns, once in the life of the process, that a proxy variable is set and ignored: a forward proxy would see
/// every token, and would cut queries that are held for minutes.
pub(super) fn warn(address: &Address) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    // No proxy is expected for an address of this machine.
    if address.is_local() {
        return;
    }
    let set = NAMES
        .into_iter()
        .find(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    if let Some(name) = set
        && !WARNED.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            variable = name,
            address = %address,
            "proxy variable ignored, Consul is queried directly; where only a reverse proxy can reach it, \
             use the address of that proxy"
        );
    }
}
