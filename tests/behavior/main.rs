//! The behavior of watches and their subscribers beyond the eight promises, on a real Consul agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod first_delivery;
mod large_values;
mod live_config_example;
mod public_types;
mod random_faults;
mod refused_names;
mod reset_repeats_nothing;
mod snapshots_on_any_thread;
mod subscriber_isolation;
mod unusual_keys;
mod updates_for_an_applications_tests;
