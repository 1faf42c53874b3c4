//! Answers that no Consul sends, and the memory that they take.
//!
//! A server of the test's own sends them; Consul is needed only to make its certificate. The peak of memory is the
//! whole process's, so the tests of this program take turns, and no other runs in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod bodies;
mod case;
#[cfg(feature = "tls")]
mod endless_frames;
mod memory;
mod reply;
mod server;
