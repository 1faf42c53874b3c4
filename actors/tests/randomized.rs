//! Random operations on several threads and in real time: the latest state always arrives, in order and never twice in
//! a row, and a stop is final.

mod common;

use std::time::Duration;

use actix::prelude::*;
use common::{
    Folder, Mode, Received, Recorder, Store, SupervisorExt, actors::Habit, random, supervisor,
    until,
};
use consul_watch_actors::{FailureClass, Reset, Stop, SubscriptionId, Watch};

const FOLDERS: [&str; 4] = ["one", "two", "three", "four"];

struct Feed {
    folder: &'static str,
    id: SubscriptionId,
    received: Received,
    /// Kept, so that nothing but a stop ends it.
    _address: Addr<Recorder>,
}

#[actix::test]
async fn the_latest_state_arrives_and_nothing_twice() {
    let (seed, mut random) = random();
    let store = Store::new();
    let watches = supervisor(&store).arbiters(2).start();
    let mut feeds: Vec<Feed> = Vec::new();
    for step in 0..3000 {
        let folder = FOLDERS[random.usize(..FOLDERS.len())];
        match random.u32(..100) {
            0..50 => drop(store.put(folder, ["a", "b", "c"][random.usize(..3)], random.u64(..4))),
            50..55 => store.delete(folder, "a"),
            55..65 => {
                let mode = match random.u32(..4) {
                    0 => Mode::Panic,
                    1 => Mode::Fail(FailureClass::Transient),
                    2 => Mode::Fail(FailureClass::Denied),
                    _ => Mode::Impatient,
                };
                store.mode(folder, mode);
            }
            65..75 => store.mode(folder, Mode::Honest),
            75..80 => assert!(watches.send(Reset::new()).await.unwrap().is_ok()),
            80..88 if feeds.len() < 20 => {
                let habit = if random.bool() {
                    Habit::Prompt
                } else {
                    Habit::Slow(Duration::from_millis(3))
                };
                let (address, received) = Recorder::with(habit);
                let id = watches
                    .send(Watch::new(Folder::new(folder), address.clone()))
                    .await
                    .unwrap()
                    .unwrap();
                feeds.push(Feed {
                    folder,
                    id,
                    received,
                    _address: address,
                });
            }
            88..93 if !feeds.is_empty() => {
                let feed = feeds.swap_remove(random.usize(..feeds.len()));
                let stopped = watches.stop(Stop::subscription(feed.id)).await;
                assert_eq!(stopped.subscriptions, 1, "step {step}");
            }
            93..94 => {
                watches.stop(Stop::path(folder)).await;
                feeds.retain(|feed| feed.folder != folder);
            }
            _ => tokio::time::sleep(Duration::from_millis(random.u64(..3))).await,
        }
    }
    for folder in FOLDERS {
        store.mode(folder, Mode::Honest);
    }
    for feed in &feeds {
        until(&format!("{} arrives (SEED={seed})", feed.folder), || {
            feed.received
                .last()
                .is_some_and(|seen| seen.rows == store.rows(feed.folder))
        })
        .await;
        for pair in feed.received.all().windows(2) {
            assert_ne!(pair[0].rows, pair[1].rows, "twice in a row (SEED={seed})");
            assert_eq!(
                pair[1].previous.as_ref(),
                Some(&pair[0].rows),
                "each continues (SEED={seed})"
            );
            assert!(pair[0].index <= pair[1].index, "in order (SEED={seed})");
        }
    }
    for folder in FOLDERS {
        let subscribers = feeds.iter().filter(|feed| feed.folder == folder).count();
        assert_eq!(
            watches
                .status(folder)
                .await
                .map_or(0, |status| status.subscribers),
            subscribers
        );
    }
    watches.stop(Stop::all()).await;
    assert_eq!(store.open(), 0, "every request is closed (SEED={seed})");
}
