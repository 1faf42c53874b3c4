//! The daemon: watches from files, reloads, signals and systemd, against a real Consul agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod agent_file_cases;
mod agent_files;
mod binary;
mod checkpoints;
mod checkpoints_after_a_kill;
mod checkpoints_at_reloads;
mod checkpoints_that_cannot_be_used;
mod documented_examples;
mod error_program;
mod few_resources;
mod first_process;
mod fixture;
mod hcl_matches_consul;
mod http_handler;
mod killed;
mod notifies_systemd;
mod other_users;
mod process;
mod reload_keeps_the_unchanged;
mod reload_starts_afresh;
mod reload_under_load;
mod shared_roots;
mod signals;
mod signals_during_a_reload;
mod systemd_unit;
mod what_changed;
