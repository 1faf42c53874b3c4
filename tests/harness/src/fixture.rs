//! An agent, a proxy in front of it, and a supervisor whose watches go through the proxy.

use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::actors::Query;
use consul_watch::{
    Backoff, ConsulConfig, FailureClass, KeyPrefix, Ready, Status, Watch, WatchStatus,
    WatchSupervisor,
};

use crate::agent::TestAgent;
use crate::proxy::{Cut, FaultProxy, Refusal};
use crate::recorder::Feed;
use crate::wait::DEADLINE;

/// The pause between two looks at a status.
const POLL: Duration = Duration::from_millis(5);

/// A supervisor of watches, an agent, and the proxy between them.
#[derive(Debug)]
pub struct Fixture {
    /// The supervisor of the watches.
    pub watches: Addr<WatchSupervisor>,
    /// The configuration of the supervisor, with the proxy's address.
    pub config: ConsulConfig,
    /// The proxy in front of the agent.
    pub proxy: FaultProxy,
    /// The agent.
    pub agent: TestAgent,
}

impl Fixture {
    /// Starts one with an agent that keeps no data over a restart.
    pub fn dev() -> Self {
        Self::of(TestAgent::dev(), |config| config)
    }

    /// Starts one with an agent that keeps its data.
    pub fn persistent() -> Self {
        Self::of(TestAgent::start(), |config| config)
    }

    /// Starts one with this agent and a changed configuration.
    pub fn of(agent: TestAgent, change: impl FnOnce(ConsulConfig) -> ConsulConfig) -> Self {
        let proxy = FaultProxy::start(agent.http_addr());
        let config = change(config(&proxy.url()));
        Self {
            watches: supervisor(&config),
            config,
            proxy,
            agent,
        }
    }

    /// Replaces the supervisor by one with this root, whose query the keys and prefixes below it share.
    #[must_use]
    pub fn with_root(mut self, root: KeyPrefix) -> Self {
        self.watches = rooted(&self.config, root);
        self
    }

    /// Subscribes a new recorder.
    pub async fn watch<Q: Query<Source = ConsulConfig>>(&self, query: Q) -> Feed<Q> {
        watch(&self.watches, query).await
    }

    /// Subscribes a new recorder by a changed [`Watch`], whose view may differ from the default one.
    pub async fn watch_with<Q: Query<Source = ConsulConfig>>(
        &self,
        query: Q,
        change: impl FnOnce(Watch<Q>) -> Watch<Q>,
    ) -> Feed<Q> {
        subscribe(&self.watches, query, Feed::start().projected(), change).await
    }

    /// Returns the status of the only watch of this path.
    pub async fn status(&self, path: &str) -> WatchStatus {
        status(&self.watches, path).await
    }

    /// Waits until the status of the watch fits.
    pub async fn until(
        &self,
        path: &str,
        what: &str,
        fits: impl FnMut(&WatchStatus) -> bool,
    ) -> WatchStatus {
        until(&self.watches, path, what, fits).await
    }

    /// Waits until the watch is in the state of this name.
    pub async fn until_state(&self, path: &str, state: &str) -> WatchStatus {
        let what = format!("the state `{state}`");
        self.until(path, &what, |status| status.state.name() == state)
            .await
    }

    /// Waits until the watch retries after a failure of this class.
    pub async fn until_retrying(&self, path: &str, class: FailureClass) -> WatchStatus {
        let what = format!("a retry after a failure of the class `{class}`");
        self.until(path, &what, |status| retries_after(status, class))
            .await
    }

    /// Waits until the watch retries, after whatever failure.
    pub async fn until_failing(&self, path: &str) {
        self.until(path, "a failure", |status| {
            status.state.name() == "retrying"
        })
        .await;
    }

    /// Waits until the watch is live.
    pub async fn until_live(&self, path: &str) {
        self.until(path, "that it is live", |status| status.state.is_live())
            .await;
    }

    /// Waits until every watch has its first answer.
    ///
    /// # Panics
    ///
    /// When one has none in time.
    pub async fn ready(&self) {
        match tokio::time::timeout(DEADLINE, self.watches.send(Ready::all())).await {
            Ok(Ok(Ok(()))) => {}
            other => panic!("the watches are not ready: {other:?}"),
        }
    }

    /// Wakes a query by a write to Consul, and waits until the next one has come through the proxy.
    ///
    /// # Panics
    ///
    /// When none comes in time.
    pub async fn until_woken(&self, wake: impl FnOnce(&TestAgent)) {
        let before = self.proxy.stats().requests;
        wake(&self.agent);
        let deadline = Instant::now() + DEADLINE;
        while self.proxy.stats().requests == before {
            if Instant::now() >= deadline {
                let seen = self.proxy.requests();
                let last: Vec<_> = seen.iter().rev().take(5).map(|seen| &seen.target).collect();
                let all = self.watches.send(Status::all()).await;
                panic!("no query was woken; the last requests: {last:?}; {all:?}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Takes the network away: open connections are reset, and new ones refused until `pass`.
    pub fn cut_off(&self) {
        self.proxy.refuse(Refusal::Closed);
        self.proxy.cut(Cut::Reset);
    }
}

/// Returns a configuration for this address, uncompressed, since nothing is far away.
///
/// # Panics
///
/// When it is no address.
pub fn config(url: &str) -> ConsulConfig {
    match ConsulConfig::default().with_address(url) {
        Ok(config) => config.with_gzip(false),
        Err(error) => panic!("{error}"),
    }
}

/// Shortens the waits, so that a silent peer is given up after two seconds.
pub fn impatient(config: ConsulConfig) -> ConsulConfig {
    config
        .with_wait(Duration::from_secs(1))
        .with_deadline_margin(Duration::from_secs(1))
        .with_request_timeout(Duration::from_secs(2))
}

/// Starts a supervisor that retries soon.
pub fn supervisor(config: &ConsulConfig) -> Addr<WatchSupervisor> {
    retrying_soon(config).start()
}

/// Starts a supervisor with this root that retries soon.
pub fn rooted(config: &ConsulConfig, root: KeyPrefix) -> Addr<WatchSupervisor> {
    retrying_soon(config).shared_root(root).start()
}

fn retrying_soon(config: &ConsulConfig) -> WatchSupervisor {
    match Backoff::new(Duration::from_millis(20), Duration::from_millis(500)) {
        Ok(soon) => WatchSupervisor::new(config.clone()).backoff(soon),
        Err(error) => panic!("{error}"),
    }
}

/// Subscribes a new recorder.
pub async fn watch<Q: Query<Source = ConsulConfig>>(
    watches: &Addr<WatchSupervisor>,
    query: Q,
) -> Feed<Q> {
    subscribe(watches, query, Feed::start(), |watch| watch).await
}

/// Subscribes this recorder by a changed [`Watch`].
///
/// # Panics
///
/// When the supervisor refuses it.
pub async fn subscribe<Q: Query<Source = ConsulConfig>>(
    watches: &Addr<WatchSupervisor>,
    query: Q,
    mut feed: Feed<Q>,
    change: impl FnOnce(Watch<Q>) -> Watch<Q>,
) -> Feed<Q> {
    let watch = change(Watch::new(query, feed.address.clone()));
    feed.subscribe(watches, watch).await;
    feed
}

/// Returns the status of the only watch of this path.
///
/// # Panics
///
/// When there is none, or more than one.
pub async fn status(watches: &Addr<WatchSupervisor>, path: &str) -> WatchStatus {
    only(watches, Status::path(path), path).await
}

/// Waits until the status of the only watch of this path fits.
///
/// # Panics
///
/// When it does not in time.
pub async fn until(
    watches: &Addr<WatchSupervisor>,
    path: &str,
    what: &str,
    fits: impl FnMut(&WatchStatus) -> bool,
) -> WatchStatus {
    poll(watches, || Status::path(path), path, what, fits).await
}

/// Waits until the status of the watch of this query fits.
///
/// # Panics
///
/// When it does not in time.
pub async fn until_query<Q: Query<Source = ConsulConfig>>(
    watches: &Addr<WatchSupervisor>,
    query: &Q,
    what: &str,
    fits: impl FnMut(&WatchStatus) -> bool,
) -> WatchStatus {
    let path = query.path().to_string();
    poll(watches, || Status::query(query), &path, what, fits).await
}

async fn poll(
    watches: &Addr<WatchSupervisor>,
    which: impl Fn() -> Status,
    path: &str,
    what: &str,
    mut fits: impl FnMut(&WatchStatus) -> bool,
) -> WatchStatus {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let status = only(watches, which(), path).await;
        if fits(&status) {
            return status;
        }
        assert!(
            Instant::now() < deadline,
            "{path}: waited {DEADLINE:?} for {what}; it is {status}"
        );
        tokio::time::sleep(POLL).await;
    }
}

async fn only(watches: &Addr<WatchSupervisor>, which: Status, path: &str) -> WatchStatus {
    let mut all = match watches.send(which).await {
        Ok(all) => all,
        Err(error) => panic!("the supervisor: {error}"),
    };
    assert_eq!(all.len(), 1, "one watch of {path}, not {all:?}");
    all.remove(0)
}

/// Whether the watch retries after a failure of this class.
pub fn retries_after(status: &WatchStatus, class: FailureClass) -> bool {
    status.state.name() == "retrying"
        && status
            .state
            .error()
            .is_some_and(|error| error.class() == class)
}
