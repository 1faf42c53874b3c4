//! The daemon: watches from files, reloads, signals and systemd, against a real Consul agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod agent_file_cases;
mod agent_files;
mod checkpoints;
mod documented_examples;
mod fixture;
mod hcl_matches_consul;
mod http_handler;
mod notifies_systemd;
mod process;
mod reload_keeps_the_unchanged;
mod reload_under_load;
mod shared_roots;
mod signals;
