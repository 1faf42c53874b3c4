//! The KV store on a real agent: put, get, nearest key, list, delete, check-and-set, all under a prefix.

#![allow(clippy::expect_used, reason = "a test that cannot continue has failed")]

mod folders;
mod requests;
mod values;

use consul_watch::{
    client::ConsulConfig,
    kv::{KvPair, KvStore},
};
use consul_watch_harness::TestAgent;

fn config(agent: &TestAgent) -> ConsulConfig {
    ConsulConfig::default()
        .with_address(agent.url())
        .expect("the agent's address")
}

fn store(agent: &TestAgent) -> KvStore {
    KvStore::connect(&config(agent).with_prefix("kvTest")).expect("a store")
}

fn names(listing: impl IntoIterator<Item = KvPair>) -> Vec<String> {
    listing.into_iter().map(|pair| pair.key).collect()
}
