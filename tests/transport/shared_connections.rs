//! Many watches over HTTPS need few connections, and a lost one is opened again once for all of its watches.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::{Ready, WatchSupervisor};
use consul_watch_harness::Cut;

use crate::feed::{Feed, SOON};
use crate::secure::{Stage, stage};

const WATCHES: usize = 600;

async fn ready(watches: &Addr<WatchSupervisor>) {
    let ready = tokio::time::timeout(SOON, watches.send(Ready::all())).await;
    ready
        .expect("in time")
        .expect("the supervisor runs")
        .expect("they can be answered");
}

/// Every watch is held by now; writes to each key, and sees that each change comes.
async fn all_change(stage: &Stage, feed: &mut Feed, value: &str) {
    for n in 0..WATCHES {
        stage
            .agent
            .put(&format!("many/{n}"), format!("{n} {value}"));
    }
    let mut missing: BTreeSet<String> = (0..WATCHES).map(|n| format!("{n} {value}")).collect();
    while !missing.is_empty() {
        let what = format!("{} changes", missing.len());
        missing.remove(&feed.value(&what).await.expect("a value"));
    }
}

#[actix_rt::test]
async fn six_hundred_watches_started_together_need_three_connections_for_each_thread() {
    let stage = stage(|config| config);
    let mut feed = Feed::start();
    let started = Instant::now();
    for n in 0..WATCHES {
        feed.watch(&stage.watches, format!("many/{n}")).await;
    }
    ready(&stage.watches).await;
    for _ in 0..WATCHES {
        assert_eq!(feed.value("the first state").await, None);
    }
    let up = started.elapsed();
    let stats = stage.proxy.stats();
    println!("{WATCHES} watches ready after {up:?}: {stats:?}");
    assert!(stats.open <= 4, "{stats:?}");
    assert!(stats.accepted <= 4, "{stats:?}");
    all_change(&stage, &mut feed, "first").await;
    println!("all changed: {:?}", stage.proxy.stats());

    // The network goes and comes back.
    let lost = stage.proxy.cut(Cut::Reset);
    let cut = Instant::now();
    all_change(&stage, &mut feed, "second").await;
    let stats = stage.proxy.stats();
    println!(
        "all changed {:?} after the loss of {lost} connections: {stats:?}",
        cut.elapsed()
    );
    assert!(stats.accepted <= 8, "opened again once for all: {stats:?}");
    feed.has_nothing();
}

#[actix_rt::test]
async fn a_silent_connection_is_closed_long_before_the_wait_ends() {
    let stage = stage(|config| config.with_wait(Duration::from_secs(600)));
    let mut feed = Feed::start();
    feed.watch(&stage.watches, "many/0").await;
    assert_eq!(feed.value("the first state").await, None);
    stage.proxy.silence();
    stage.agent.put("many/0", "unseen");
    // A ping every 20 s, which has to be answered within 10 s.
    let waiting = Instant::now();
    let within = Duration::from_secs(60);
    let retrying = async {
        while stage.proxy.stats().accepted < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(within, retrying)
        .await
        .expect("the connection is given up");
    println!("given up after {:?}", waiting.elapsed());
    stage.proxy.pass();
    assert_eq!(feed.value("the change").await.as_deref(), Some("unseen"));
}
