//! The command-line interface, compared with Consul's where it has the same command.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod closed_output;
mod completions;
mod connection_errors;
mod daemon;
mod kv;
mod kv_cases;
mod kv_fixture;
mod kv_parity;
mod log_lines;
mod option_parity;
mod options;
mod parity;
mod runner;
mod special_files;
mod terminal;
mod tokens;
mod warnings;
