//! The built command, beside Consul's own where it has one.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod daemon;
mod kv;
mod options;
mod parity;
mod runner;
mod terminal;
