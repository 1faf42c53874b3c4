//! Watches of a store that goes down and comes back.

use std::time::Duration;

use actix::prelude::*;
use consul_watch_actors::{Ready, ReconnectGate, Status, WatchSupervisor};
use tokio::time::Instant;

use super::{Received, Recorder, Store, SupervisorExt, paused, until};

pub type Watches = Addr<WatchSupervisor<Store>>;

/// A store with a reconnect gate, and its supervisor under a paused clock.
pub fn stage() -> (Store, ReconnectGate, Watches) {
    let gate = ReconnectGate::new();
    let store = Store::new().with_reconnect_gate(&gate);
    let watches = paused(&store);
    (store, gate, watches)
}

/// Watches `count` folders, of which the n-th has `subscribers(n)` subscribers, and waits until all are live.
pub async fn watch_all(
    watches: &Watches,
    count: usize,
    subscribers: impl Fn(usize) -> usize,
) -> Vec<Received> {
    let mut received_by_all = Vec::new();
    for n in 0..count {
        for _ in 0..subscribers(n) {
            let (subscriber, received) = Recorder::prompt();
            watches.watch(&folder(n), subscriber).await;
            received_by_all.push(received);
        }
    }
    watches.send(Ready::all()).await.unwrap().unwrap();
    all_live(watches).await;
    received_by_all
}

pub fn folder(n: usize) -> String {
    format!("folder{n:03}")
}

pub async fn not_live(watches: &Watches) -> Vec<String> {
    let all = watches.send(Status::all()).await.unwrap();
    all.iter()
        .filter(|status| !status.state.is_live())
        .map(ToString::to_string)
        .collect()
}

/// Waits until all watches are live; how long that took.
pub async fn all_live(watches: &Watches) -> Duration {
    let start = Instant::now();
    loop {
        let others = not_live(watches).await;
        if others.is_empty() {
            return start.elapsed();
        }
        assert!(
            start.elapsed() < Duration::from_secs(100),
            "are not live: {others:?}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
