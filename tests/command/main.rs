//! The built command, beside Consul's own where it has one.

mod both;
mod kv;
mod options;
mod parity;
mod service;
mod terminal;
