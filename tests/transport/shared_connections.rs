//! Many watches over HTTPS need few connections, and a lost one is opened again once for all of its watches.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::{Ready, WatchSupervisor};
use consul_watch_harness::{Cut, DEADLINE};

use crate::secure::{SecureFixture, start};
use crate::values::Values;

const WATCHES: usize = 600;

async fn ready(watches: &Addr<WatchSupervisor>) {
    let ready = tokio::time::timeout(DEADLINE, watches.send(Ready::all())).await;
    ready
        .expect("in time")
        .expect("the supervisor runs")
        .expect("they can be answered");
}

/// Every watch is held by now; writes to each key, and sees that each change comes.
async fn all_change(fixture: &SecureFixture, values: &mut Values, value: &str) {
    for n in 0..WATCHES {
        fixture
            .agent
            .put(&format!("many/{n}"), format!("{n} {value}"));
    }
    let mut missing: BTreeSet<String> = (0..WATCHES).map(|n| format!("{n} {value}")).collect();
    while !missing.is_empty() {
        let what = format!("{} changes", missing.len());
        missing.remove(&values.next(&what).await.expect("a value"));
    }
}

#[actix_rt::test]
async fn six_hundred_watches_started_together_need_three_connections_for_each_thread() {
    let fixture = start(|config| config);
    let mut values = Values::start();
    let started = Instant::now();
    for n in 0..WATCHES {
        values.watch(&fixture.watches, format!("many/{n}")).await;
    }
    ready(&fixture.watches).await;
    for _ in 0..WATCHES {
        assert_eq!(values.next("the first state").await, None);
    }
    let up = started.elapsed();
    let stats = fixture.proxy.stats();
    println!("{WATCHES} watches ready after {up:?}: {stats:?}");
    assert!(stats.open <= 4, "{stats:?}");
    assert!(stats.accepted <= 4, "{stats:?}");
    all_change(&fixture, &mut values, "first").await;
    println!("all changed: {:?}", fixture.proxy.stats());

    // The network goes and comes back.
    let lost = fixture.proxy.cut(Cut::Reset);
    let cut = Instant::now();
    all_change(&fixture, &mut values, "second").await;
    let stats = fixture.proxy.stats();
    println!(
        "all changed {:?} after the loss of {lost} connections: {stats:?}",
        cut.elapsed()
    );
    assert!(stats.accepted <= 8, "opened again once for all: {stats:?}");
    values.has_nothing();
}

#[actix_rt::test]
async fn a_silent_connection_is_closed_long_before_the_wait_ends() {
    let fixture = start(|config| config.with_wait(Duration::from_secs(600)));
    let mut values = Values::start();
    values.watch(&fixture.watches, "many/0").await;
    assert_eq!(values.next("the first state").await, None);
    fixture.proxy.silence();
    fixture.agent.put("many/0", "unseen");
    // A ping every 20 s, which has to be answered within 10 s.
    let waiting = Instant::now();
    let within = Duration::from_secs(60);
    let retrying = async {
        while fixture.proxy.stats().accepted < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(within, retrying)
        .await
        .expect("the connection is given up");
    println!("given up after {:?}", waiting.elapsed());
    fixture.proxy.pass();
    assert_eq!(values.next("the change").await.as_deref(), Some("unseen"));
}
