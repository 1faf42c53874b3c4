//! Three servers, of which some die: deliveries go on, from whoever is left.

// Only Linux has more loopback addresses than one.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod an_address_killed;
mod feed;
mod the_leader_killed;
mod the_majority_lost;
mod theirs;
