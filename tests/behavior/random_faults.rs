//! A thousand random writes while the agent dies and the network breaks: the subscriber converges to Consul's state,
//! and receives nothing twice.
//!
//! The seed of the random numbers is printed; `CONSUL_WATCH_SEED` sets it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use consul_watch::KeyPrefix;
use consul_watch_harness::random::{Choices, Rng, seed};
use consul_watch_harness::{Cut, DEADLINE, Fixture, Http, state};

const WRITES: usize = 1000;
const WRITERS: usize = 3;
const KEYS: u64 = 100;
const RESTARTS: usize = 5;

/// Does so many writes, each until Consul has accepted it.
fn write(http: &Http, seed: u64, count: usize, done: &AtomicUsize) {
    let mut random = Rng::with_seed(seed);
    let http = http.clone().with_timeout(Duration::from_secs(5));
    for _ in 0..count {
        let key = format!("random/{}", random.u64(..KEYS));
        let value = (!random.one_in(4)).then(|| random.u64(..10).to_string());
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
    let fixture = Arc::new(Fixture::persistent());
    let mut feed = fixture.watch(KeyPrefix::new("random")).await;
    let done = Arc::new(AtomicUsize::new(0));
    // Odd while the agent is being restarted.
    let epoch = Arc::new(AtomicUsize::new(0));
    let mut threads = Vec::new();
    for number in 0..WRITERS {
        let (http, done) = (fixture.agent.http(), Arc::clone(&done));
        let count = WRITES / WRITERS + usize::from(number < WRITES % WRITERS);
        let seed = seed.wrapping_add(number as u64 + 1);
        threads.push(thread::spawn(move || write(&http, seed, count, &done)));
    }
    threads.push(thread::spawn({
        let (fixture, done, epoch) = (Arc::clone(&fixture), Arc::clone(&done), Arc::clone(&epoch));
        let mut random = Rng::with_seed(seed);
        move || {
            let mut restarts = 0;
            while done.load(Ordering::SeqCst) < WRITES {
                thread::sleep(random.up_to_ms(60));
                fixture.proxy.cut(if random.one_in(2) {
                    Cut::Reset
                } else {
                    Cut::Fin
                });
                if restarts < RESTARTS
                    && done.load(Ordering::SeqCst) >= WRITES * (restarts + 1) / (RESTARTS + 2)
                {
                    epoch.fetch_add(1, Ordering::SeqCst);
                    fixture.agent.kill();
                    thread::sleep(random.up_to_ms(300));
                    fixture.agent.restart();
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

    // The feed checks each delivery: `previous` is the last `current`, and something differs.
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
            let entries = fixture.agent.list("random/");
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
        fixture.status("random").await
    );

    feed.has_nothing(&format!("seed {seed}: the state is Consul's"));
    fixture.agent.put("random/marker", "x");
    feed.says(&["added random/marker=x"]).await;
    // One for the held query, and perhaps an idle one of the transactions that prove removals.
    fixture
        .proxy
        .until(DEADLINE, "two open connections at most", |stats| {
            (1..=2).contains(&stats.open)
        })
        .await;
}

async fn ended<T>(threads: &[thread::JoinHandle<T>]) {
    while !threads.iter().all(thread::JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
