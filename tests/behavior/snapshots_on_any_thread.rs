//! The latest values can be read from any thread, without an actor, and are never older than what was
//! delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use consul_watch::{FailureClass, GetSnapshots, Key, KeyPrefix, Stop};
use consul_watch_harness::{DEADLINE, Fixture, eventually_async, state};

const LAST: u64 = 200;

#[actix_rt::test]
async fn values_go_forward_and_come_to_the_last() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/n", "0");
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    let snapshots = fixture.watches.send(GetSnapshots).await.expect("it runs");
    feed.says(&["added app/n=0"]).await;
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let snapshots = snapshots.clone();
            let give_up = std::time::Instant::now() + DEADLINE;
            thread::spawn(move || {
                let (mut last, mut seen) = (0, 0);
                while last < LAST && std::time::Instant::now() < give_up {
                    let snapshot = snapshots.get(&KeyPrefix::new("app")).expect("it was ready");
                    let number = std::str::from_utf8(&state(&*snapshot)["app/n"])
                        .expect("text")
                        .parse();
                    let number: u64 = number.expect("a number");
                    assert!(number >= last, "a reader saw {number} after {last}");
                    seen += u64::from(number > last);
                    last = number;
                }
                (last, seen)
            })
        })
        .collect();
    for turn in 1..=LAST {
        fixture.agent.put("app/n", turn.to_string());
    }
    let check = snapshots.clone();
    feed.until("the last value", move |changed| {
        let readable = check.get(&KeyPrefix::new("app")).expect("it is watched");
        let (readable, delivered) = (state(&*readable), state(&*changed.current));
        let number = |state: &std::collections::BTreeMap<String, Vec<u8>>| -> u64 {
            std::str::from_utf8(&state["app/n"])
                .expect("text")
                .parse()
                .expect("a number")
        };
        assert!(
            number(&readable) >= number(&delivered),
            "what is read is not older than what is delivered"
        );
        number(&delivered) == LAST
    })
    .await;
    for reader in readers {
        let (last, seen) = reader.join().expect("a reader");
        assert_eq!(last, LAST, "a reader saw {seen} values, but not the last");
    }
}

#[actix_rt::test]
async fn a_value_outlives_an_outage_and_ends_with_its_watch() {
    let fixture = Fixture::dev();
    fixture.agent.put("k", "1");
    let snapshots = fixture.watches.send(GetSnapshots).await.expect("it runs");
    assert!(snapshots.get(&Key::new("k")).is_none(), "it is not watched");
    let mut feed = fixture.watch(Key::new("k")).await;
    feed.says(&["added k=1"]).await;
    fixture.cut_off();
    fixture.until_retrying("k", FailureClass::Transient).await;
    let away = Arc::new(AtomicBool::new(false));
    let (there, reader) = (Arc::clone(&away), snapshots.clone());
    thread::spawn(move || {
        let value = reader
            .get(&Key::new("k"))
            .expect("the last one that Consul gave");
        let status = reader.status(&Key::new("k")).expect("it is watched");
        there.store(
            value.is_some() && status.state.error().is_some(),
            Ordering::SeqCst,
        );
    })
    .join()
    .expect("the reader");
    assert!(
        away.load(Ordering::SeqCst),
        "the value and the outage are both readable"
    );
    fixture.proxy.pass();
    fixture.agent.delete("k");
    feed.says(&["removed k=1"]).await;
    assert!(
        snapshots
            .get(&Key::new("k"))
            .expect("an absent key is a value")
            .is_none()
    );
    fixture.watches.send(Stop::all()).await.expect("it runs");
    eventually_async(DEADLINE, "the value to go", || {
        snapshots.get(&Key::new("k")).is_none()
    })
    .await;
}
