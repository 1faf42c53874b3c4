//! A derived watch: its value follows from other watches, which come, go, fail and end with it.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

#[path = "../common/mod.rs"]
mod common;

mod arbiters;
mod composition;
mod ends;
mod failures;
mod inputs;

use std::collections::BTreeMap;

use actix::prelude::*;
use common::{Merged, Received, Recorder, Store};
use consul_watch_actors::{Query, Status, SubscriptionId, Watch, WatchStatus, WatchSupervisor};

type Watches = Addr<WatchSupervisor<Store>>;

async fn begin(watches: &Watches, query: &Merged) -> (SubscriptionId, Received, Addr<Recorder>) {
    let (subscriber, received) = Recorder::prompt();
    let watch = Watch::new(query.clone(), subscriber.clone());
    (
        watches.send(watch).await.unwrap().unwrap(),
        received,
        subscriber,
    )
}

async fn status(watches: &Watches, query: &impl Query) -> Option<WatchStatus> {
    watches
        .send(Status::query(query))
        .await
        .unwrap()
        .into_iter()
        .next()
}

/// The names of all watches, each with its number of subscribers.
async fn watched(watches: &Watches) -> Vec<String> {
    let all = watches.send(Status::all()).await.unwrap();
    all.iter()
        .map(|status| format!("{} {}", status.path, status.subscribers))
        .collect()
}

fn rows<const N: usize>(rows: [(&str, u64); N]) -> BTreeMap<String, u64> {
    rows.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn shows<const N: usize>(received: &Received, expected: [(&str, u64); N]) -> bool {
    received
        .last()
        .is_some_and(|seen| seen.rows == rows(expected))
}
