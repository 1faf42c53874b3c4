//! The environment variables that name a forward proxy, which this client ignores.

use std::env;

use super::{
    address::{Address, Scheme},
    warnings::once,
};

/// The variables for a scheme, as other programs read them.
fn names(scheme: Scheme) -> [&'static str; 4] {
    match scheme {
        Scheme::Https => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    }
}

/// Warns, once for each address, that a proxy variable is set and ignored: a forward proxy would see every token, and
/// would cut queries that are held for minutes. `setting` is where the address was given.
pub(crate) fn warn(address: &Address, setting: &str) {
    // No proxy is expected for an address of this machine.
    if address.is_local() {
        return;
    }
    let set = names(address.scheme())
        .into_iter()
        .find(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    if let Some(variable) = set {
        once(&format!(
            "the proxy variable {variable} is ignored, {address} is called directly; where only a reverse proxy can \
             reach it, use the address of that proxy as {setting}"
        ));
    }
}
