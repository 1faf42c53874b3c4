//! The command-line interface, compared with Consul's where it has the same command.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod argument_errors;
#[cfg(feature = "tls")]
mod certificates;
mod closed_output;
mod completions;
mod configuration_files;
mod connection_errors;
mod daemon;
mod field_messages;
mod kv;
mod kv_cases;
mod kv_fixture;
mod kv_parity;
mod log_lines;
mod manual;
mod option_parity;
mod options;
mod parity;
mod runner;
mod special_files;
mod terminal;
mod tokens;
mod warnings;
mod writable_files;
