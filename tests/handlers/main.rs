//! The ready-made handlers: real programs, real servers, real watches on a real agent.
//!
//! No test takes a time for its verdict; deadlines only end a test that has failed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod exec_mode;
mod http_delivery;
mod http_target;
mod script_endings;
mod script_input;
mod script_kit;
mod script_on_consul;
mod script_stop;
mod script_turns;
