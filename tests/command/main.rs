//! The command-line interface, compared with Consul's where it has the same command.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod closed_output;
mod daemon;
mod kv;
mod log_lines;
mod options;
mod parity;
mod runner;
mod terminal;
mod tokens;
mod warnings;
