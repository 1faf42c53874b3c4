//! Every watch type but the keys', on a real agent: what is delivered first, what is added, updated, removed
//! and emptied, what a wrong parameter does, and that each value's JSON is Consul's.
//!
//! No test takes a time for its verdict. That nothing was delivered is shown by a marker: a change that has
//! to be the very next delivery.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod agent_service;
mod changes;
mod checks;
mod connect_leaf;
mod connect_roots;
mod event;
mod flapping;
mod handler_json;
mod nodes;
mod recorder;
mod service;
mod services;
mod stage;
mod two_messages;
