//! An agent, a proxy in front of it, and a supervisor whose watches go through the proxy.

use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::actors::Query;
use consul_watch::{
    Backoff, ConsulConfig, FailureClass, Ready, Status, Watch, WatchStatus, WatchSupervisor,
};
use consul_watch_harness::{Cut, FaultProxy, TestAgent};

use crate::recorder::{Feed, SOON};

/// What a test of watches needs.
pub(crate) struct Stage {
    pub(crate) watches: Addr<WatchSupervisor>,
    pub(crate) config: ConsulConfig,
    pub(crate) proxy: FaultProxy,
    pub(crate) agent: TestAgent,
}

impl Stage {
    /// Of an agent that keeps nothing over a restart.
    pub(crate) fn dev() -> Self {
        Self::of(TestAgent::dev(), |config| config)
    }

    /// Of an agent that keeps its data.
    pub(crate) fn kept() -> Self {
        Self::of(TestAgent::start(), |config| config)
    }

    /// Of this agent, with a configuration changed like this.
    pub(crate) fn of(agent: TestAgent, change: impl FnOnce(ConsulConfig) -> ConsulConfig) -> Self {
        let proxy = FaultProxy::start(agent.http_addr());
        let config = change(config(&proxy.url()));
        Self {
            watches: supervisor(&config),
            config,
            proxy,
            agent,
        }
    }

    /// Subscribes a new recorder.
    pub(crate) async fn watch<Q: Query<Source = ConsulConfig>>(&self, query: Q) -> Feed<Q> {
        watch(&self.watches, query).await
    }

    /// The status of the one watch that is called so.
    pub(crate) async fn status(&self, path: &str) -> WatchStatus {
        status(&self.watches, path).await
    }

    /// Waits until the watch's status is so.
    pub(crate) async fn until(
        &self,
        path: &str,
        what: &str,
        fits: impl FnMut(&WatchStatus) -> bool,
    ) -> WatchStatus {
        until(&self.watches, path, what, fits).await
    }

    /// Waits until the watch is being retried after a failure of this class.
    pub(crate) async fn until_retrying(&self, path: &str, class: FailureClass) -> WatchStatus {
        let what = format!("a retry after a failure of the class `{class}`");
        self.until(path, &what, |status| failed(status, class))
            .await
    }

    /// Waits until the watch is being retried, whatever the failure looked like from here.
    pub(crate) async fn until_failing(&self, path: &str) {
        self.until(path, "a failure", |status| {
            status.state.name() == "retrying"
        })
        .await;
    }

    /// Waits until the watch is live.
    pub(crate) async fn until_live(&self, path: &str) {
        self.until(path, "that it is live", |status| status.state.is_live())
            .await;
    }

    /// Waits until every watch has its first answer.
    pub(crate) async fn ready(&self) {
        let ready = tokio::time::timeout(SOON, self.watches.send(Ready::all())).await;
        ready
            .expect("the watches are ready")
            .expect("the supervisor runs")
            .expect("they can be answered");
    }

    /// Waits until Consul's answer to what is on its way now has come through the proxy.
    pub(crate) async fn until_woken(&self, wake: impl FnOnce(&TestAgent)) {
        let before = self.proxy.stats().requests;
        wake(&self.agent);
        let deadline = Instant::now() + SOON;
        while self.proxy.stats().requests == before {
            if Instant::now() >= deadline {
                let seen = self.proxy.requests();
                let last: Vec<_> = seen
                    .iter()
                    .rev()
                    .take(5)
                    .map(|request| &request.target)
                    .collect();
                let all = self.watches.send(Status::all()).await.expect("it runs");
                let all: Vec<_> = all.iter().map(ToString::to_string).collect();
                panic!(
                    "nobody was woken; the last requests: {last:?}; {:?}; {all:?}",
                    self.proxy.stats()
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Takes the network away: what is open is cut, and nothing new gets through until `pass`.
    pub(crate) fn cut_off(&self) {
        self.proxy.refuse(consul_watch_harness::Refusal::Closed);
        self.proxy.cut(Cut::Reset);
    }
}

/// A configuration for this address: uncompressed, since nothing here is far away.
pub(crate) fn config(url: &str) -> ConsulConfig {
    ConsulConfig::default()
        .with_address(url)
        .expect("an address")
        .with_gzip(false)
}

/// One that knows when a silent peer is dead: after a second or two.
pub(crate) fn impatient(config: ConsulConfig) -> ConsulConfig {
    config
        .with_wait(Duration::from_secs(1))
        .with_deadline_margin(Duration::from_secs(1))
        .with_request_timeout(Duration::from_secs(2))
}

/// A supervisor that retries soon.
pub(crate) fn supervisor(config: &ConsulConfig) -> Addr<WatchSupervisor> {
    let soon =
        Backoff::new(Duration::from_millis(20), Duration::from_millis(500)).expect("a back-off");
    WatchSupervisor::new(config.clone()).backoff(soon).start()
}

/// Subscribes a new recorder.
pub(crate) async fn watch<Q: Query<Source = ConsulConfig>>(
    watches: &Addr<WatchSupervisor>,
    query: Q,
) -> Feed<Q> {
    subscribe(watches, query, Feed::start(), |watch| watch).await
}

/// Subscribes this recorder, in this way.
pub(crate) async fn subscribe<Q: Query<Source = ConsulConfig>>(
    watches: &Addr<WatchSupervisor>,
    query: Q,
    mut feed: Feed<Q>,
    how: impl FnOnce(Watch<Q>) -> Watch<Q>,
) -> Feed<Q> {
    let watch = how(Watch::new(query, feed.address.clone()));
    feed.subscription = watches
        .send(watch)
        .await
        .expect("the supervisor runs")
        .expect("a new subscription");
    feed
}

/// The status of the one watch that is called so.
pub(crate) async fn status(watches: &Addr<WatchSupervisor>, path: &str) -> WatchStatus {
    let mut all = watches
        .send(Status::path(path))
        .await
        .expect("the supervisor runs");
    assert_eq!(all.len(), 1, "one watch of {path}, not {all:?}");
    all.remove(0)
}

/// Waits until the watch's status is so.
pub(crate) async fn until(
    watches: &Addr<WatchSupervisor>,
    path: &str,
    what: &str,
    mut fits: impl FnMut(&WatchStatus) -> bool,
) -> WatchStatus {
    let deadline = Instant::now() + SOON;
    loop {
        let status = status(watches, path).await;
        if fits(&status) {
            return status;
        }
        assert!(
            Instant::now() < deadline,
            "{path}: waited {SOON:?} for {what}; it is {status}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn failed(status: &WatchStatus, class: FailureClass) -> bool {
    status.state.name() == "retrying"
        && status
            .state
            .error()
            .is_some_and(|error| error.class() == class)
}
