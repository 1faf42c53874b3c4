//! A watch queries at a bounded rate, and many watches do not reconnect at once after an outage.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

#[path = "../common/mod.rs"]
mod common;

mod hot_loop;
mod storm;
mod storm_randomized;
