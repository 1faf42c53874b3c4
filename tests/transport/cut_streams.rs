//! Consul counts a stream that was cut until the handler of its query ends. Watches that take the places of others
//! over HTTPS are answered nevertheless.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::kv::KvStore;
use consul_watch::{ConsulConfig, Ready, Reset, Status, Stop, WatchSupervisor};
use consul_watch_harness::fixture::supervisor;
use consul_watch_harness::{Authority, DEADLINE, TestAgent};

use crate::handler_limit::{Allowed, serve};
use crate::secure::start;
use crate::values::Values;

/// As many as one connection has streams.
const WATCHES: usize = 240;
const REPLACED: usize = 60;

/// Longer than any test: a query that waits for streams that were cut has no answer.
const WAIT: Duration = Duration::from_secs(600);

/// Watches of keys, some of which take the places of others.
struct Replaced {
    agent: TestAgent,
    watches: Addr<WatchSupervisor>,
    values: Values,
}

impl Replaced {
    async fn start(agent: TestAgent, watches: Addr<WatchSupervisor>) -> Self {
        let mut replaced = Self {
            agent,
            watches,
            values: Values::start(),
        };
        replaced
            .watch((0..WATCHES).map(|n| format!("cut/0/{n}")))
            .await;
        replaced
    }

    async fn watch(&mut self, keys: impl ExactSizeIterator<Item = String>) {
        let count = keys.len();
        for key in keys {
            self.values.watch(&self.watches, key).await;
        }
        let ready = tokio::time::timeout(DEADLINE, self.watches.send(Ready::all())).await;
        ready
            .expect("in time")
            .expect("the supervisor runs")
            .expect("they can be answered");
        for _ in 0..count {
            assert_eq!(self.values.next("the first state").await, None);
        }
    }

    /// Replaces the watches of this round by those of the next one.
    async fn replace(&mut self, round: usize, count: usize) {
        let paths = (0..count).map(|n| format!("cut/{round}/{n}"));
        let stopped = self
            .watches
            .send(Stop::paths(paths))
            .await
            .expect("it runs");
        assert_eq!(stopped.ended.len(), count);
        let next = round + 1;
        self.watch((0..count).map(|n| format!("cut/{next}/{n}")))
            .await;
    }

    /// Writes to all watches of this round, and waits for the changes.
    async fn all_change(&mut self, round: usize, count: usize) {
        let all = self.watches.send(Status::all()).await.expect("it runs");
        let failed = all.iter().find(|it| !it.state.is_live() || it.restarts > 0);
        assert!(failed.is_none(), "{failed:?}");
        for n in 0..count {
            self.agent.put(&format!("cut/{round}/{n}"), n.to_string());
        }
        let written = Instant::now();
        let mut missing: BTreeSet<String> = (0..count).map(|n| n.to_string()).collect();
        while !missing.is_empty() {
            let what = format!("{} changes", missing.len());
            missing.remove(&self.values.next(&what).await.expect("a value"));
        }
        println!("{count} changes came within {:?}", written.elapsed());
        self.values.has_nothing();
    }
}

/// Watches behind a server that counts handlers; it is there as long as its authority.
async fn counted(allowed: Allowed) -> (Authority, Replaced) {
    let authority = Authority::new();
    let agent = TestAgent::builder()
        .dev()
        .config("limits { http_max_conns_per_client = 5000 }")
        .start();
    let address = serve(agent.http_addr(), &authority, allowed).await;
    let config = ConsulConfig::default()
        .with_address(format!("https://{address}"))
        .expect("an address")
        .with_ca_file(authority.certificate())
        .with_wait(WAIT);
    let replaced = Replaced::start(agent, supervisor(&config)).await;
    (authority, replaced)
}

#[actix_rt::test]
async fn watches_that_replace_others_deliver_every_change() {
    let fixture = start(|config| config.with_wait(WAIT));
    let mut watches = Replaced::start(fixture.agent, fixture.watches).await;
    watches.replace(0, REPLACED).await;
    watches.all_change(1, REPLACED).await;
    let stats = fixture.proxy.stats();
    assert!(stats.accepted <= 2, "{stats:?}");
}

#[actix_rt::test]
async fn watches_that_replace_others_deliver_every_change_where_handlers_count() {
    let (_authority, mut watches) = counted(Allowed {
        streams: 250,
        handlers: 250,
    })
    .await;
    watches.replace(0, REPLACED).await;
    watches.all_change(1, REPLACED).await;
    // All of them, twice.
    for round in 1..3 {
        watches.replace(round, REPLACED).await;
        watches.all_change(round + 1, REPLACED).await;
    }
}

#[actix_rt::test]
async fn a_proxy_that_allows_a_hundred_streams_is_no_hindrance() {
    let (_authority, mut watches) = counted(Allowed {
        streams: 100,
        handlers: 100,
    })
    .await;
    watches.replace(0, REPLACED).await;
    watches.all_change(1, REPLACED).await;
}

#[actix_rt::test]
async fn a_reset_after_replacements_is_answered_on_new_connections() {
    let (_authority, mut watches) = counted(Allowed {
        streams: 250,
        handlers: 250,
    })
    .await;
    watches.replace(0, REPLACED).await;
    let reset = Reset::new();
    let reset = watches.watches.send(reset).await.expect("it runs");
    reset.expect("the configuration is good");
    watches.replace(1, REPLACED).await;
    for n in 0..REPLACED {
        watches.agent.put(&format!("cut/2/{n}"), n.to_string());
    }
    for left in (1..=REPLACED).rev() {
        watches
            .values
            .next(&format!("{left} changes"))
            .await
            .expect("a value");
    }
}

#[actix_rt::test]
async fn calls_of_the_kv_store_get_through_while_watches_hold_all_streams() {
    let (authority, watches) = (Authority::new(), 2 * WATCHES);
    let agent = authority.agent().start();
    let config = ConsulConfig::default()
        .with_address(format!("https://{}", agent.https_addr()))
        .expect("an address")
        .with_ca_file(authority.certificate())
        .with_wait(WAIT);
    let mut held = Replaced::start(agent, supervisor(&config)).await;
    held.watch((WATCHES..watches).map(|n| format!("cut/0/{n}")))
        .await;
    let store = KvStore::connect(&config).expect("a client");
    let mut slowest = Duration::ZERO;
    // More at once than there are connections for them.
    let calls = (0..100).map(|n| {
        let store = store.clone();
        async move {
            let begun = Instant::now();
            let key = format!("calls/{n}");
            store.put(&key, "1").await.expect("written");
            store.get(&key).await.expect("read");
            begun.elapsed()
        }
    });
    for took in futures_util::future::join_all(calls).await {
        slowest = slowest.max(took);
    }
    println!("a write and a read took {slowest:?} at most, 100 at once beside {watches} watches");
    held.all_change(0, WATCHES).await;
}
