//! What can be watched in Consul: one type per watch type.

mod decode;
mod json;
mod key;
mod key_prefix;
mod options;
mod pairs;
mod source;

pub use self::{decode::Decode, json::Json, key::Key, key_prefix::KeyPrefix};
