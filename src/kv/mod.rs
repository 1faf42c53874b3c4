//! Consul's key-value store: put, get, list, delete, check-and-set, and a value inside a value.
//!
//! Start with [`KvStore`]. It returns values as a [`KvPair`], whose [`to_value`](KvPair::to_value) reads them
//! as text, numbers or JSON; [`KvStore::get_nearest`] finds a value inside the JSON of a key above it.
//!
//! The API behind it is <https://developer.hashicorp.com/consul/api-docs/kv>.

mod ancestor;
mod error;
mod folder;
mod listing;
mod pair;
mod put_options;
mod store;
mod txn;
mod value;

pub use self::{
    ancestor::Nearest,
    error::KvError,
    folder::Folder,
    listing::Listing,
    pair::KvPair,
    put_options::PutOptions,
    store::KvStore,
    value::{KvValue, ValueError},
};
