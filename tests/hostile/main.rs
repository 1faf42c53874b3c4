//! Hostile configuration, documents and texts of every kind. No Consul is needed.
//!
//! `CONSUL_WATCH_CASES` sets the number of generated cases of each property, 100,000 by default.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

#[cfg(feature = "cli")]
mod configuration;
mod documents;
mod generated;
mod mutation;
mod programs;
mod secrets;
