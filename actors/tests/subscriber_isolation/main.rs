//! A subscriber that is slow, panics, restarts or ends affects no other subscriber.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

#[path = "../common/mod.rs"]
mod common;

mod failing;
mod slow;
