//! Watches of values that hold still, while hostile answers come.

use std::error::Error;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::actors::Query;
use consul_watch::{
    ChangeKind, ConsulConfig, FailureClass, KeyPrefix, Nodes, Snapshot, WatchStatus,
    WatchSupervisor,
};
use consul_watch_harness::fixture::{supervisor, until, watch};
use consul_watch_harness::{DEADLINE, Feed};

use crate::reply::Reply;
use crate::server::Server;

const KEYS: &str = "keyprefix:app";
const NODES: &str = "nodes";

/// A watch of keys and one of nodes, at a server that holds one of each.
pub(crate) struct Case {
    pub(crate) server: Server,
    watches: Addr<WatchSupervisor>,
    keys: Feed<KeyPrefix>,
    nodes: Feed<Nodes>,
    turn: usize,
}

impl Case {
    /// Starts one with this limit of a body.
    pub(crate) async fn start(limit: usize) -> Self {
        let server = Server::start("0");
        let config = ConsulConfig::default()
            .with_address(&*server.url())
            .expect("an address")
            .with_max_body_size(limit)
            .with_gzip(true)
            .with_wait(Duration::from_secs(1))
            .with_request_timeout(DEADLINE);
        let watches = supervisor(&config);
        let mut case = Self {
            keys: watch(&watches, KeyPrefix::new("app")).await,
            nodes: watch(&watches, Nodes::new()).await,
            server,
            watches,
            turn: 0,
        };
        case.both_deliver(ChangeKind::Added).await;
        case
    }

    /// Sends the answer several times, which has to fail with this text and to deliver nothing; the next good
    /// answer is the next delivery. Returns the texts of the failures.
    pub(crate) async fn suffers(&mut self, name: &str, reply: Reply, says: &str) -> Vec<String> {
        let failures = self.fails(name, reply, says).await;
        for path in [KEYS, NODES] {
            let first = until(&self.watches, path, name, |_| true).await;
            until(&self.watches, path, name, |status| {
                status.restarts > first.restarts
            })
            .await;
        }
        self.recovers(name).await;
        failures
    }

    /// Sends the answer, which has to fail with this text.
    pub(crate) async fn fails(&mut self, name: &str, reply: Reply, says: &str) -> Vec<String> {
        self.server.answers_with(reply);
        let mut failures = Vec::new();
        for path in [KEYS, NODES] {
            let failed = |status: &WatchStatus| failure(status).is_some_and(|it| it.contains(says));
            failures.extend(failure(&until(&self.watches, path, name, failed).await));
        }
        failures
    }

    /// Sends a good answer, which has to be the next delivery.
    pub(crate) async fn recovers(&mut self, name: &str) {
        self.keys.has_nothing(name);
        self.nodes.has_nothing(name);
        self.turn += 1;
        self.server.has(&self.turn.to_string());
        self.both_deliver(ChangeKind::Updated).await;
        for path in [KEYS, NODES] {
            until(&self.watches, path, name, |status| status.state.is_live()).await;
        }
    }

    async fn both_deliver(&mut self, kind: ChangeKind) {
        delivers(&mut self.keys, kind).await;
        delivers(&mut self.nodes, kind).await;
    }
}

/// Waits for a delivery that changes the only item in this way.
async fn delivers<Q: Query>(feed: &mut Feed<Q>, kind: ChangeKind) {
    let changed = feed.next(&format!("{kind}")).await;
    let kinds: Vec<_> = changed
        .changes()
        .iter()
        .map(consul_watch::Change::kind)
        .collect();
    assert_eq!((kinds, changed.current.items().len()), (vec![kind], 1));
}

/// The text of the failure that the watch retries after, with all of its sources.
fn failure(status: &WatchStatus) -> Option<String> {
    let error = status
        .state
        .error()
        .filter(|_| status.state.name() == "retrying")?;
    let mut text = error.to_string();
    let too_large = text.contains(" is larger than ");
    let class = if too_large {
        FailureClass::TooLarge
    } else {
        FailureClass::Transient
    };
    assert_eq!(error.class(), class, "{error}");
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    Some(text)
}
