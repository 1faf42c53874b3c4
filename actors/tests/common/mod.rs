//! The common parts of the tests of the engine's guarantees: a scripted source, recording actors, and waiting
//! with a deadline.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue says why"
)]

pub mod actors;
pub mod budget;
pub mod logs;
pub mod merged;
pub mod outage;
pub mod part;
pub mod rows;
pub mod shared;
pub mod store;

use std::time::Duration;

use actix::prelude::*;
use consul_watch_actors::{
    Backoff, Query, Ready, Status, Stop, Stopped, Subscriber, SubscriptionId, Watch, WatchStatus,
    WatchSupervisor,
};
use tokio::time::Instant;

pub use self::{
    actors::{Events, Received, Recorder, Seen},
    logs::Logs,
    merged::Merged,
    part::Part,
    rows::{Row, Rows},
    store::{Folder, Gate, Mode, Outage, Store},
};

/// The time for which a condition is waited for: by the paused clock in most tests.
const DEADLINE: Duration = Duration::from_secs(100);

/// A random generator and its seed: a new one, which is printed, or that of `SEED`.
pub fn random() -> (u64, fastrand::Rng) {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    (seed, fastrand::Rng::with_seed(seed))
}

/// Waits until the condition holds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "waited without success until {what}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Lets paused time pass: everything that can happen in it happens.
pub async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Stops the clock and starts a supervisor whose watchers run on this thread.
pub fn paused(store: &Store) -> Addr<WatchSupervisor<Store>> {
    tokio::time::pause();
    supervisor(store).arbiters(0).start()
}

/// A supervisor with a short back-off, so that real time is enough for it too.
pub fn supervisor(store: &Store) -> WatchSupervisor<Store> {
    let backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500)).unwrap();
    WatchSupervisor::new(store.clone()).backoff(backoff)
}

/// The messages of tests to a supervisor, without the mailbox's own errors.
pub trait SupervisorExt {
    fn watch(
        &self,
        folder: &str,
        subscriber: impl Into<Subscriber<consul_watch_actors::Changed<Folder>>>,
    ) -> impl Future<Output = SubscriptionId>;
    fn status(&self, folder: &str) -> impl Future<Output = Option<WatchStatus>>;
    fn stop(&self, stop: Stop) -> impl Future<Output = Stopped>;
    fn ready(&self, folder: &str) -> impl Future<Output = ()>;
    /// Waits until the status of a watch is so.
    fn until_status(
        &self,
        folder: &str,
        what: &str,
        so: impl Fn(&WatchStatus) -> bool,
    ) -> impl Future<Output = WatchStatus>;
}

impl SupervisorExt for Addr<WatchSupervisor<Store>> {
    async fn watch(
        &self,
        folder: &str,
        subscriber: impl Into<Subscriber<consul_watch_actors::Changed<Folder>>>,
    ) -> SubscriptionId {
        let watch = Watch::new(Folder::new(folder), subscriber);
        self.send(watch)
            .await
            .expect("the supervisor lives")
            .expect("the watch begins")
    }

    async fn status(&self, folder: &str) -> Option<WatchStatus> {
        let found = self
            .send(Status::query(&Folder::new(folder)))
            .await
            .expect("the supervisor lives");
        found.into_iter().next()
    }

    async fn stop(&self, stop: Stop) -> Stopped {
        self.send(stop).await.expect("the supervisor lives")
    }

    async fn ready(&self, folder: &str) {
        self.send(Ready::query(&Folder::new(folder)))
            .await
            .expect("the supervisor lives")
            .expect("the watch becomes ready");
    }

    async fn until_status(
        &self,
        folder: &str,
        what: &str,
        so: impl Fn(&WatchStatus) -> bool,
    ) -> WatchStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let status = self.status(folder).await;
            if let Some(status) = &status
                && so(status)
            {
                return status.clone();
            }
            assert!(
                Instant::now() < deadline,
                "waited without success until the status is {what}: it is {status:?}"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// The path that a folder's watch has.
pub fn path(folder: &str) -> consul_watch_actors::WatchPath {
    Folder::new(folder).path()
}
