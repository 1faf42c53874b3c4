//! A watcher that panics, and user code that panics, affect no other watch.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

#[path = "../common/mod.rs"]
mod common;

mod user_code_panics;
mod watcher_panics;
