//! The connections to Consul: TLS, unix sockets, shared connections, tokens that change, several addresses, and many
//! watches.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod body_budget;
mod broken_connections;
mod cut_queries;
mod folders;
mod impatient_proxies;
mod lost_leader;
mod plain_budget;
mod refused_connections;
mod several_addresses;
mod tokens_are_reread;
mod unix_sockets;
mod values;

#[cfg(feature = "tls")]
mod certificates;
#[cfg(feature = "tls")]
mod cut_streams;
#[cfg(feature = "tls")]
mod handler_limit;
#[cfg(feature = "tls")]
mod https;
#[cfg(feature = "tls")]
mod large_bodies;
#[cfg(feature = "tls")]
mod many_folders;
#[cfg(feature = "tls")]
mod secure;
#[cfg(feature = "tls")]
mod shared_connections;
