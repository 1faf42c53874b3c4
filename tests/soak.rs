//! Days in fast motion: many rounds of blocking queries over a hundred watches leave nothing behind.
//!
//! `cargo xtask soak` runs a hundred thousand rounds and prints where memory and descriptors stood at the start
//! and at the end; here it is a part of that.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use std::{fs, time::Duration};

use actix::prelude::*;
use consul_watch::{Changed, ConsulConfig, Key, KvStore, Ready, Stop, Watch, WatchSupervisor};
use consul_watch_harness::TestAgent;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Ends a test that has failed; what comes, comes much sooner.
const SOON: Duration = Duration::from_secs(30);
const WATCHES: usize = 100;
/// Rounds of all watches before the start is measured: by then every buffer has its size.
const WARM: usize = 5;
/// Of the allocator's own making.
const SLACK_KIB: u64 = 16 * 1024;

/// Tells of each delivery.
struct Counter(UnboundedSender<()>);

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Changed<Key>> for Counter {
    type Result = ();

    fn handle(&mut self, _: Changed<Key>, _: &mut Self::Context) {
        self.0.send(()).expect("the test listens");
    }
}

/// What the process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    memory_kib: u64,
    descriptors: usize,
}

impl Held {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
        let memory = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("it tells the memory");
        let memory_kib = memory
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number");
        Self {
            memory_kib,
            descriptors: fs::read_dir("/proc/self/fd").expect("Linux tells").count(),
        }
    }
}

async fn delivered(counted: &mut UnboundedReceiver<()>, times: usize) {
    for _ in 0..times {
        tokio::time::timeout(SOON, counted.recv())
            .await
            .expect("a delivery in time")
            .expect("the actor lives");
    }
}

#[actix::test]
async fn many_rounds_leave_nothing_behind() {
    let rounds: usize =
        std::env::var("CONSUL_WATCH_ROUNDS").map_or(2_000, |text| text.parse().expect("a number"));
    let agent = TestAgent::dev();
    let config = ConsulConfig::default().with_address(agent.url()).unwrap();
    let store = KvStore::connect(&config).unwrap();
    let watches = WatchSupervisor::new(config).start();
    let (tell, mut counted) = unbounded_channel();
    let counter = Counter(tell).start();
    for n in 0..WATCHES {
        watches
            .send(Watch::new(Key::new(format!("soak/{n}")), counter.clone()))
            .await
            .unwrap()
            .unwrap();
    }
    watches.send(Ready::all()).await.unwrap().unwrap();
    delivered(&mut counted, WATCHES).await;

    let mut start = Held::now();
    for turn in 0..(rounds / WATCHES).max(WARM + 1) {
        if turn == WARM {
            start = Held::now();
        }
        for n in 0..WATCHES {
            store
                .put(&format!("soak/{n}"), turn.to_string())
                .await
                .unwrap();
        }
        delivered(&mut counted, WATCHES).await;
    }
    let end = Held::now();
    println!("{rounds} rounds over {WATCHES} watches");
    println!(
        "start: {} KiB, {} descriptors",
        start.memory_kib, start.descriptors
    );
    println!(
        "end:   {} KiB, {} descriptors",
        end.memory_kib, end.descriptors
    );
    assert!(
        end.memory_kib < start.memory_kib + SLACK_KIB,
        "memory grew from {start:?} to {end:?}"
    );
    assert!(
        end.descriptors <= start.descriptors + 2,
        "descriptors grew from {start:?} to {end:?}"
    );
    assert_eq!(
        watches.send(Stop::all()).await.unwrap().ended.len(),
        WATCHES
    );
}
