//! Every watch type but the keys', on a real agent: the first value, additions, updates, removals and emptied lists,
//! wrong parameters, and each value's JSON, which is Consul's.
//!
//! A marker shows that nothing was delivered: a change that has to be the very next delivery.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod agent_service;
mod changes;
mod checks;
mod connect_leaf;
mod connect_roots;
mod event;
mod fixture;
mod flapping;
mod handler_json;
mod nodes;
mod service;
mod services;
mod shapes;
mod two_messages;
