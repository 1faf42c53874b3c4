//! The service: watches from files, reloads, signals and systemd, against a real Consul agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod calls_a_url;
mod documented;
mod hcl_is_consuls;
mod notifies_systemd;
mod process;
mod reload_changes_what_changed;
mod reload_under_load;
mod setup;
mod signals;
mod under_a_root;
