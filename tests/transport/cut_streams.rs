//! Consul counts a stream that was cut until the handler of its query ends. Watches that take the places of others
//! over HTTPS are answered nevertheless.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::{Ready, Status, Stop, WatchSupervisor};
use consul_watch_harness::DEADLINE;

use crate::secure::start;
use crate::values::Values;

/// As many as one connection has streams.
const WATCHES: usize = 240;
const REPLACED: usize = 60;

/// A query that was queued behind the streams that were cut would be answered only when it is over.
const WAIT: Duration = Duration::from_secs(600);

async fn ready(watches: &Addr<WatchSupervisor>) {
    let ready = tokio::time::timeout(DEADLINE, watches.send(Ready::all())).await;
    ready
        .expect("in time")
        .expect("the supervisor runs")
        .expect("they can be answered");
}

#[actix_rt::test]
async fn watches_that_replace_others_are_told_every_change() {
    let fixture = start(|config| config.with_wait(WAIT));
    let watches = &fixture.watches;
    let mut values = Values::start();
    for n in 0..WATCHES {
        values.watch(watches, format!("cut/old/{n}")).await;
    }
    ready(watches).await;
    for _ in 0..WATCHES {
        assert_eq!(values.next("the first state").await, None);
    }
    let paths = (0..REPLACED).map(|n| format!("cut/old/{n}"));
    let stopped = watches.send(Stop::paths(paths)).await.expect("it runs");
    assert_eq!(stopped.ended.len(), REPLACED);

    for n in 0..REPLACED {
        values.watch(watches, format!("cut/new/{n}")).await;
    }
    ready(watches).await;
    for _ in 0..REPLACED {
        assert_eq!(values.next("the first state").await, None);
    }
    let all = watches.send(Status::all()).await.expect("it runs");
    assert_eq!(all.len(), WATCHES);
    assert!(
        all.iter()
            .all(|status| status.state.is_live() && status.restarts == 0)
    );

    for n in 0..REPLACED {
        fixture.agent.put(&format!("cut/new/{n}"), n.to_string());
    }
    let written = Instant::now();
    let mut missing: BTreeSet<String> = (0..REPLACED).map(|n| n.to_string()).collect();
    while !missing.is_empty() {
        let what = format!("{} changes", missing.len());
        missing.remove(&values.next(&what).await.expect("a value"));
    }
    println!(
        "{REPLACED} changes came within {:?}: {:?}",
        written.elapsed(),
        fixture.proxy.stats()
    );
}
