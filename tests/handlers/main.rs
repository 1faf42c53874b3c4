//! The ready-made handlers: real programs, real servers, real watches on a real agent.
//!
//! Times are asserted as lower bounds only. Deadlines end a test that has failed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod background;
mod error_program;
mod exec_mode;
mod not_started;
mod script_concurrency;
mod script_exit;
mod script_fixture;
mod script_input;
mod script_on_consul;
mod script_stop;
mod unread_input;
mod webhook_delivery;
mod webhook_echo;
mod webhook_signature;
mod webhook_target;
