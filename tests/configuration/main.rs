//! Configuration as the application's own types, and watches that are derived from others or share a query.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod checkpoint;
mod decoded_folder;
mod json_key;
mod key_set;
mod predicates_and_quiescence;
mod service_catalog;
mod shared_queries;
mod shared_queries_under_faults;
mod shared_queries_with_hidden_keys;
mod shared_removals;
mod web_config_example;
