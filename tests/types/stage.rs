//! An agent whose node is called `here`, and a supervisor.

use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::actors::Query;
use consul_watch::{Backoff, ConsulConfig, Status, Watch, WatchStatus, WatchSupervisor};
use consul_watch_harness::{FaultProxy, TestAgent, eventually};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::recorder::{Feed, SOON};

/// What a test of watches needs.
pub(crate) struct Stage {
    pub(crate) watches: Addr<WatchSupervisor>,
    pub(crate) proxy: FaultProxy,
    pub(crate) agent: TestAgent,
}

impl Stage {
    pub(crate) fn start() -> Self {
        let agent = TestAgent::builder()
            .dev()
            .config(r#"node_name = "here""#)
            .start();
        let stage = Self::of(agent);
        stage.settle();
        stage
    }

    fn of(agent: TestAgent) -> Self {
        let proxy = FaultProxy::start(agent.http_addr());
        let config = ConsulConfig::default()
            .with_address(&*proxy.url())
            .expect("an address")
            .with_gzip(false);
        let soon = Backoff::new(Duration::from_millis(20), Duration::from_millis(500))
            .expect("a back-off");
        Self {
            watches: WatchSupervisor::new(config).backoff(soon).start(),
            proxy,
            agent,
        }
    }

    /// Waits until the agent has written all about itself into the catalogue.
    pub(crate) fn settle(&self) {
        eventually(SOON, "the agent's own entry", || {
            let node = self.get("/v1/catalog/nodes");
            let checks = self.get("/v1/health/node/here");
            !node[0]["Meta"].is_null()
                && !node[0]["TaggedAddresses"].is_null()
                && checks[0]["Status"] == "passing"
        });
    }

    pub(crate) async fn watch<Q: Query<Source = ConsulConfig>>(&self, query: Q) -> Feed<Q> {
        self.watch_so(query, |watch| watch).await
    }

    pub(crate) async fn watch_so<Q: Query<Source = ConsulConfig>>(
        &self,
        query: Q,
        how: impl FnOnce(Watch<Q>) -> Watch<Q>,
    ) -> Feed<Q> {
        let feed = Feed::start();
        let watch = how(Watch::new(query, feed.address.clone()));
        self.watches
            .send(watch)
            .await
            .expect("the supervisor runs")
            .expect("a subscription");
        feed
    }

    /// Waits until the status of the one watch that is called so is this.
    pub(crate) async fn until(&self, path: &str, state: &str) -> WatchStatus {
        let deadline = Instant::now() + SOON;
        loop {
            let mut all = self
                .watches
                .send(Status::path(path))
                .await
                .expect("the supervisor runs");
            assert_eq!(all.len(), 1, "one watch of {path}, not {all:?}");
            let status = all.remove(0);
            if status.state.name() == state {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{path}: waited {SOON:?} until it is {state}; it is {status}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the agent's API answers.
    pub(crate) fn get(&self, target: &str) -> Value {
        let reply = self.agent.request("GET", target, &[], b"");
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        serde_json::from_slice(&reply.body).expect("JSON")
    }

    /// Has the agent do something.
    #[track_caller]
    pub(crate) fn put(&self, target: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let reply = self.agent.request("PUT", target, &[], body.as_bytes());
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }

    /// Registers an instance with the agent; it has a check that somebody reports, and it passes.
    pub(crate) fn register(&self, id: &str, name: &str, tags: &[&str]) {
        let check = json!({ "TTL": "1h", "Status": "passing" });
        self.register_as(
            &json!({ "ID": id, "Name": name, "Tags": tags, "Port": 80, "Check": check }),
        );
    }

    pub(crate) fn register_as(&self, definition: &Value) {
        self.put("/v1/agent/service/register", definition);
    }

    pub(crate) fn deregister(&self, id: &str) {
        self.put(&format!("/v1/agent/service/deregister/{id}"), &Value::Null);
    }

    /// Reports an instance's check: `pass`, `warn` or `fail`.
    pub(crate) fn report(&self, id: &str, how: &str, note: &str) {
        self.put(
            &format!("/v1/agent/check/{how}/service:{id}?note={note}"),
            &Value::Null,
        );
    }

    /// Registers something of another node in the catalogue.
    pub(crate) fn catalogue(&self, what: &Value) {
        self.put("/v1/catalog/register", what);
    }

    /// Takes something of another node out of the catalogue.
    pub(crate) fn uncatalogue(&self, what: &Value) {
        self.put("/v1/catalog/deregister", what);
    }

    /// Reads the agent's answer as this type and as a value writes it, and shows that nothing is lost; then
    /// that `delivered` is written as the agent does.
    #[track_caller]
    pub(crate) fn is_written_back<T: Serialize + DeserializeOwned>(
        &self,
        target: &str,
        delivered: &T,
    ) {
        let sent = self.get(target);
        let read: T = serde_json::from_value(sent.clone()).expect("a value");
        assert_eq!(serde_json::to_value(&read).expect("JSON"), sent, "{target}");
        assert_eq!(
            serde_json::to_value(delivered).expect("JSON"),
            sent,
            "what was delivered of {target}"
        );
    }
}
