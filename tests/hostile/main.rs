//! What comes from outside is hostile: answers, configuration, and texts of every kind.
//!
//! No Consul is needed: answers come from a server of the test's own, which sends what no Consul would.
//! `CONSUL_WATCH_CASES` sets how many generated cases each property is tried with (100,000 by default).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod bodies;
mod case;
#[cfg(feature = "cli")]
mod configuration;
mod documents;
mod generated;
mod memory;
mod mutation;
mod programs;
mod reply;
mod secrets;
mod server;
