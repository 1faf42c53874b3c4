//! What can be watched in Consul: one type per watch type.

mod key;
mod key_prefix;
mod options;
mod pairs;
mod source;

pub use self::{key::Key, key_prefix::KeyPrefix};
