//! Answers that no Consul sends, and the memory that they take.
//!
//! No Consul is needed: a server of the test's own sends them. The peak of memory is the whole process's, so the
//! tests of this program take turns, and no other runs in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod bodies;
mod case;
mod memory;
mod reply;
mod server;
