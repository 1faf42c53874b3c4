//! Watches of what holds still, and what becomes of them while hostile answers come.

use std::error::Error;
use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::actors::Query;
use consul_watch::{
    Backoff, Changed, ConsulConfig, FailureClass, KeyPrefix, Nodes, Snapshot, Status, Watch,
    WatchStatus, WatchSupervisor,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::reply::Reply;
use crate::server::Server;

/// Ends a test that has failed; what comes, comes much sooner.
const SOON: Duration = Duration::from_secs(120);

const KEYS: &str = "keyprefix:app";
const NODES: &str = "nodes";

/// Tells what it receives.
struct Recorder(UnboundedSender<String>);

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl<Q> Handler<Changed<Q>> for Recorder
where
    Q: Query<Value: Snapshot<Item: std::fmt::Display>>,
{
    type Result = ();

    fn handle(&mut self, changed: Changed<Q>, _: &mut Self::Context) {
        let said: Vec<String> = changed
            .changes()
            .iter()
            .map(|change| change.kind().to_string())
            .collect();
        let items = changed.current.items().len();
        // A test that has ended wants nothing more.
        let _ = self.0.send(format!("{} of {items}", said.join(" ")));
    }
}

/// A watch of keys and one of nodes, at a server that holds one of each.
pub(crate) struct Case {
    pub(crate) server: Server,
    watches: Addr<WatchSupervisor>,
    keys: UnboundedReceiver<String>,
    nodes: UnboundedReceiver<String>,
    turn: usize,
}

impl Case {
    /// With this limit of a body.
    pub(crate) async fn start(limit: usize) -> Self {
        let server = Server::start("0");
        let config = ConsulConfig::default()
            .with_address(&*server.url())
            .expect("an address")
            .with_max_body_size(limit)
            .with_gzip(true)
            .with_wait(Duration::from_secs(1))
            .with_request_timeout(SOON);
        let soon = Backoff::new(Duration::from_millis(20), Duration::from_millis(100))
            .expect("a back-off");
        let watches = WatchSupervisor::new(config).backoff(soon).start();
        let keys = subscribe(&watches, KeyPrefix::new("app")).await;
        let nodes = subscribe(&watches, Nodes::new()).await;
        let mut case = Self {
            server,
            watches,
            keys,
            nodes,
            turn: 0,
        };
        case.both_say("added of 1").await;
        case
    }

    /// The answer comes several times, shows as a failure that says this, and nothing comes of it; the next
    /// good answer is the next delivery. What the failures say is returned.
    pub(crate) async fn suffers(&mut self, name: &str, reply: Reply, says: &str) -> Vec<String> {
        let told = self.fails(name, reply, says).await;
        for path in [KEYS, NODES] {
            let first = self.until(path, name, |_| true).await;
            self.until(path, name, |status| status.restarts > first.restarts)
                .await;
        }
        self.goes_on(name).await;
        told
    }

    /// The answer shows as a failure that says this.
    pub(crate) async fn fails(&mut self, name: &str, reply: Reply, says: &str) -> Vec<String> {
        self.server.answers_with(reply);
        let mut told = Vec::new();
        for path in [KEYS, NODES] {
            let failed = |status: &WatchStatus| failure(status).is_some_and(|it| it.contains(says));
            told.extend(failure(&self.until(path, name, failed).await));
        }
        told
    }

    /// The next good answer is the next delivery.
    pub(crate) async fn goes_on(&mut self, name: &str) {
        for feed in [&mut self.keys, &mut self.nodes] {
            if let Ok(said) = feed.try_recv() {
                panic!("{name}: yet `{said}` was delivered");
            }
        }
        self.turn += 1;
        self.server.has(&self.turn.to_string());
        self.both_say("updated of 1").await;
        for path in [KEYS, NODES] {
            self.until(path, name, |status| status.state.is_live())
                .await;
        }
    }

    async fn both_say(&mut self, expected: &str) {
        for feed in [&mut self.keys, &mut self.nodes] {
            let said = tokio::time::timeout(SOON, feed.recv()).await;
            let said = said
                .unwrap_or_else(|_| panic!("`{expected}` was not delivered"))
                .expect("it runs");
            assert_eq!(said, expected);
        }
    }

    async fn until(
        &self,
        path: &str,
        what: &str,
        mut fits: impl FnMut(&WatchStatus) -> bool,
    ) -> WatchStatus {
        let deadline = Instant::now() + SOON;
        loop {
            let mut all = self
                .watches
                .send(Status::path(path))
                .await
                .expect("the supervisor runs");
            let status = all.pop().expect("it is watched");
            if fits(&status) {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{what}: after {SOON:?} it is {status}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn subscribe<Q>(watches: &Addr<WatchSupervisor>, query: Q) -> UnboundedReceiver<String>
where
    Q: Query<Source = ConsulConfig, Value: Snapshot<Item: std::fmt::Display>>,
{
    let (out, received) = unbounded_channel();
    let recorder = Recorder(out).start();
    watches
        .send(Watch::new(query, recorder))
        .await
        .expect("the supervisor runs")
        .expect("a subscription");
    received
}

/// What the failure says that the watch is being retried after, with all that lies beneath it.
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
