//! A thousand random writes while the agent dies and the network breaks: the subscriber ends up with Consul's
//! state, and is told nothing twice.
//!
//! The seed of the random numbers is printed; `CONSUL_WATCH_SEED` sets it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use consul_watch::KeyPrefix;
use consul_watch_harness::{Cut, Http};

use crate::recorder::{SOON, state};
use crate::stage::Stage;

const WRITES: usize = 1000;
const WRITERS: usize = 3;
const KEYS: u64 = 100;
const RESTARTS: usize = 5;

/// The generator `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn seed() -> u64 {
    if let Ok(text) = std::env::var("CONSUL_WATCH_SEED") {
        return text.parse().expect("CONSUL_WATCH_SEED is a number");
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    now.as_secs() ^ u64::from(now.subsec_nanos()) << 32
}

/// Does its part of the writes, each until Consul has taken it.
fn write(http: &Http, seed: u64, count: usize, done: &AtomicUsize) {
    let mut random = Random(seed);
    let http = http.clone().with_timeout(Duration::from_secs(5));
    for _ in 0..count {
        let key = format!("campaign/{}", random.below(KEYS));
        let value = (random.below(4) > 0).then(|| random.below(10).to_string());
        let once = || match &value {
            Some(value) => http.try_put(&key, value.as_bytes()),
            None => http.try_delete(&key),
        };
        while once().is_err() {
            thread::sleep(Duration::from_millis(20));
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
}

#[actix_rt::test]
async fn a_thousand_writes_five_restarts_and_a_broken_network() {
    let seed = seed();
    println!("CONSUL_WATCH_SEED={seed}");
    // Whatever fails below, its message comes after the seed.
    let stage = Arc::new(Stage::kept());
    let mut feed = stage.watch(KeyPrefix::new("campaign")).await;
    let done = Arc::new(AtomicUsize::new(0));
    // Odd while the agent is being restarted.
    let epoch = Arc::new(AtomicUsize::new(0));
    let mut threads = Vec::new();
    for number in 0..WRITERS {
        let (http, done) = (stage.agent.http(), Arc::clone(&done));
        let count = WRITES / WRITERS + usize::from(number < WRITES % WRITERS);
        let seed = seed.wrapping_add(number as u64 + 1);
        threads.push(thread::spawn(move || write(&http, seed, count, &done)));
    }
    threads.push(thread::spawn({
        let (stage, done, epoch) = (Arc::clone(&stage), Arc::clone(&done), Arc::clone(&epoch));
        let mut random = Random(seed);
        move || {
            let mut restarts = 0;
            while done.load(Ordering::SeqCst) < WRITES {
                thread::sleep(Duration::from_millis(random.below(60)));
                stage.proxy.cut(if random.below(2) == 0 {
                    Cut::Reset
                } else {
                    Cut::Fin
                });
                if restarts < RESTARTS
                    && done.load(Ordering::SeqCst) >= WRITES * (restarts + 1) / (RESTARTS + 2)
                {
                    epoch.fetch_add(1, Ordering::SeqCst);
                    stage.agent.kill();
                    thread::sleep(Duration::from_millis(random.below(300)));
                    stage.agent.restart();
                    epoch.fetch_add(1, Ordering::SeqCst);
                    restarts += 1;
                }
            }
            assert_eq!(
                restarts, RESTARTS,
                "seed {seed}: the agent was to be restarted"
            );
        }
    }));

    // The feed judges each delivery: `previous` is the last `current`, and something differs.
    let first = feed.next(&format!("seed {seed}: the first delivery")).await;
    let mut latest = state(&*first.current);
    let (mut deliveries, mut index, mut at) = (1, first.index, epoch.load(Ordering::SeqCst));
    let mut expected: Option<BTreeMap<String, Vec<u8>>> = None;
    while expected.as_ref() != Some(&latest) {
        let what = format!("seed {seed}: after {deliveries} deliveries, another one");
        let next = tokio::select! {
            changed = feed.next(&what) => Some(changed),
            () = ended(&threads), if expected.is_none() => None,
        };
        let Some(changed) = next else {
            let entries = stage.agent.list("campaign/");
            expected = Some(
                entries
                    .into_iter()
                    .map(|entry| (entry.key, entry.value))
                    .collect(),
            );
            continue;
        };
        let state = state(&*changed.current);
        assert_ne!(
            state, latest,
            "seed {seed}: the same state twice in a row, at index {}",
            changed.index
        );
        let now = epoch.load(Ordering::SeqCst);
        if now == at && now.is_multiple_of(2) {
            assert!(
                changed.index >= index,
                "seed {seed}: the index fell from {index} to {}",
                changed.index
            );
        }
        (latest, index, at) = (state, changed.index, now);
        deliveries += 1;
    }
    for thread in threads {
        thread
            .join()
            .unwrap_or_else(|_| panic!("seed {seed}: a thread has panicked"));
    }
    assert!(
        deliveries > RESTARTS,
        "seed {seed}: {deliveries} deliveries"
    );
    println!(
        "{WRITES} writes came in {deliveries} deliveries; {}",
        stage.status("campaign").await
    );

    feed.has_nothing(&format!("seed {seed}: the state is Consul's"));
    stage.agent.put("campaign/marker", "x");
    feed.says(&["added campaign/marker=x"]).await;
    stage.proxy.until_open(1, SOON).await;
}

async fn ended<T>(threads: &[thread::JoinHandle<T>]) {
    while !threads.iter().all(thread::JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
