//! A subscriber that hands on what it receives.

use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::actors::Query;
use consul_watch::{
    Backoff, Changed, ConsulConfig, KvPair, Snapshot, Status, Watch, WatchStatus, WatchSupervisor,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Ends a test that has failed; an election takes a few seconds.
pub(crate) const SOON: Duration = Duration::from_secs(40);

/// Watches a key or a prefix of `ConsulConfig`.
pub(crate) trait Keys: Query<Source = ConsulConfig, Value: Snapshot<Item = KvPair>> {}

impl<Q: Query<Source = ConsulConfig, Value: Snapshot<Item = KvPair>>> Keys for Q {}

struct Recorder<Q: Keys>(UnboundedSender<(Instant, Changed<Q>)>);

impl<Q: Keys> Actor for Recorder<Q> {
    type Context = Context<Self>;
}

impl<Q: Keys> Handler<Changed<Q>> for Recorder<Q> {
    type Result = ();

    fn handle(&mut self, changed: Changed<Q>, _: &mut Self::Context) {
        let _ = self.0.send((Instant::now(), changed));
    }
}

/// What one watch delivers, in the order it comes.
pub(crate) struct Feed<Q: Keys> {
    received: UnboundedReceiver<(Instant, Changed<Q>)>,
}

impl<Q: Keys> Feed<Q> {
    pub(crate) async fn watch(watches: &Addr<WatchSupervisor>, query: Q) -> Self {
        let (out, received) = unbounded_channel();
        let watch = Watch::new(query, Recorder(out).start());
        watches
            .send(watch)
            .await
            .expect("the supervisor runs")
            .expect("a new subscription");
        Self { received }
    }

    /// The next delivery, which has to change exactly this; says when it came.
    pub(crate) async fn says(&mut self, expected: &str) -> Instant {
        let next = tokio::time::timeout(SOON, self.received.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("{expected}: was not delivered within {SOON:?}"));
        let (at, changed) = next.expect("the recorder runs");
        let heard: Vec<_> = changed.changes().iter().map(told).collect();
        assert_eq!(
            heard.join(", "),
            expected,
            "reason {}, index {}",
            changed.reason,
            changed.index
        );
        at
    }

    pub(crate) fn has_nothing(&mut self, why: &str) {
        if let Ok((_, changed)) = self.received.try_recv() {
            panic!("{why}, yet {changed:?} was delivered");
        }
    }
}

fn told(change: &consul_watch::Change<KvPair>) -> String {
    let pair = change.item();
    let value = String::from_utf8_lossy(pair.value.as_deref().unwrap_or_default()).into_owned();
    format!("{} {}={value}", change.kind(), pair.key)
}

/// A supervisor that knows soon when a silent peer is dead, and tries again soon.
pub(crate) fn supervisor(addresses: &[String]) -> Addr<WatchSupervisor> {
    let config = ConsulConfig::default()
        .with_addresses(addresses)
        .expect("addresses");
    let config = config
        .with_wait(Duration::from_secs(2))
        .with_deadline_margin(Duration::from_secs(1));
    let soon =
        Backoff::new(Duration::from_millis(20), Duration::from_millis(500)).expect("a back-off");
    WatchSupervisor::new(config).backoff(soon).start()
}

/// Waits until the watch of this query is so.
pub(crate) async fn until<Q: Keys>(
    watches: &Addr<WatchSupervisor>,
    query: &Q,
    what: &str,
    mut fits: impl FnMut(&WatchStatus) -> bool,
) {
    let deadline = Instant::now() + SOON;
    loop {
        let mut all = watches
            .send(Status::query(query))
            .await
            .expect("the supervisor runs");
        let status = all.pop().expect("it is watched");
        if fits(&status) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "waited {SOON:?} for {what}; it is {status}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the last query of the watch failed.
pub(crate) async fn until_retrying<Q: Keys>(watches: &Addr<WatchSupervisor>, query: &Q) {
    until(watches, query, "a failure", |status| {
        status.state.name() == "retrying"
    })
    .await;
}

/// Waits until the watch is live by an answer that came after this moment.
pub(crate) async fn until_live_since<Q: Keys>(
    watches: &Addr<WatchSupervisor>,
    query: &Q,
    since: std::time::SystemTime,
) {
    until(watches, query, "a new answer", |status| {
        status.state.is_live() && status.last_answer.is_some_and(|at| at > since)
    })
    .await;
}
