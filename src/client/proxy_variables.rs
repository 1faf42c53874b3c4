//! The variables that name a proxy, which are not followed.

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

/// Tells, once in the life of the process, that a proxy's variable is set and not followed: a forward proxy
/// would see every token, and would cut queries that are held for minutes.
pub(super) fn warn(address: &Address) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    // Nobody expects a proxy in between.
    if address.is_local() {
        return;
    }
    let set = NAMES
        .into_iter()
        .find(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
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
