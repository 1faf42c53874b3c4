//! The eight promises, one file each, kept against a real Consul agent behind a faulty proxy.
//!
//! Each test waits for its condition; the deadline only ends a test that has failed, and no upper bound on a time
//! is a verdict. Lower bounds are: a slow machine takes longer, never shorter. A marker shows that nothing was
//! delivered: a change that has to be the very next delivery.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod a_removal_is_a_change;
mod errors_are_never_removals;
mod no_hot_loop_no_storm;
mod one_bad_watch_harms_no_other;
mod only_real_changes;
mod secrets_are_never_printed;
mod stop_is_final;
mod the_latest_state_always_arrives;
