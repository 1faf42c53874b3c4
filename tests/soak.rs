//! The soak: many rounds of blocking queries over a hundred watches, whose memory and descriptors do not grow.
//!
//! Growth is the slope between the two halves of the run, so that a longer run finds a smaller leak.
//! `cargo xtask soak` runs a hundred thousand rounds; here they are two thousand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

use std::fs;

use actix::prelude::*;
use consul_watch::{Changed, ConsulConfig, Key, KvStore, Ready, Stop, Watch, WatchSupervisor};
use consul_watch_harness::{DEADLINE, TestAgent};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const WATCHES: usize = 100;
/// The rounds of all watches before the run is measured: by then every buffer has its size.
const WARM_UP: usize = 5;
/// The growth per delivery that is no leak: a leak loses an allocation each time.
const MAX_BYTES_PER_DELIVERY: f64 = 16.0;
/// The growth between the halves that a short run cannot tell from noise.
const NOISE_BYTES: f64 = 256.0 * 1024.0;

/// Reports each delivery.
struct Counter(UnboundedSender<()>);

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Changed<Key>> for Counter {
    type Result = ();

    fn handle(&mut self, _: Changed<Key>, _: &mut Self::Context) {
        self.0.send(()).expect("the test receives");
    }
}

/// The memory and descriptors of this process.
#[derive(Debug, Clone, Copy)]
struct Usage {
    memory: usize,
    descriptors: usize,
}

impl Usage {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
        let memory = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("the memory");
        let kib: usize = memory
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number");
        Self {
            memory: kib * 1024,
            descriptors: fs::read_dir("/proc/self/fd").expect("Linux has it").count(),
        }
    }
}

/// The mean memory of each half of the run.
#[allow(clippy::cast_precision_loss, reason = "sizes far below the precision")]
fn halves(samples: &[Usage]) -> (f64, f64) {
    let mean = |half: &[Usage]| {
        half.iter().map(|usage| usage.memory as f64).sum::<f64>() / half.len() as f64
    };
    let (first, second) = samples.split_at(samples.len() / 2);
    (mean(first), mean(second))
}

async fn delivered(counted: &mut UnboundedReceiver<()>, times: usize) {
    for _ in 0..times {
        tokio::time::timeout(DEADLINE, counted.recv())
            .await
            .expect("a delivery in time")
            .expect("the actor lives");
    }
}

#[actix::test]
#[allow(clippy::cast_precision_loss, reason = "counts far below the precision")]
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

    let mut samples = Vec::new();
    for turn in 0..(rounds / WATCHES).max(WARM_UP + 4) {
        for n in 0..WATCHES {
            store
                .put(&format!("soak/{n}"), turn.to_string())
                .await
                .unwrap();
        }
        delivered(&mut counted, WATCHES).await;
        if turn >= WARM_UP {
            samples.push(Usage::now());
        }
    }
    let (start, end) = (samples[0], samples[samples.len() - 1]);
    let (first, second) = halves(&samples);
    // The middles of the halves are half of the run apart.
    let deliveries = (samples.len() / 2 * WATCHES) as f64;
    let growth = second - first;
    println!("{rounds} rounds over {WATCHES} watches: from {start:?} to {end:?}");
    println!(
        "{:.1} bytes per delivery between the halves",
        growth / deliveries
    );
    assert!(
        growth <= NOISE_BYTES.max(MAX_BYTES_PER_DELIVERY * deliveries),
        "memory grew by {growth:.0} bytes in {deliveries} deliveries, from {start:?} to {end:?}"
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
