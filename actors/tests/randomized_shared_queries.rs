//! Everything at once, to watches that a wider one serves, to those that serve and to others: the latest state
//! always arrives, in order and never twice in a row, and a stop is final.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::{collections::BTreeMap, time::Duration};

use actix::prelude::*;
use common::{
    Folder, Mode, Part, Received, Recorder, Store, SupervisorExt,
    actors::{Habit, Leave},
    random, supervisor, until,
};
use consul_watch_actors::{
    FailureClass, Reset, Status, Stop, SubscriptionId, Watch, WatchSupervisor,
};

/// One is a root, one is sometimes watched, and one covers nothing.
const FOLDERS: [&str; 3] = ["root", "wide", "plain"];
const KEYS: [&str; 4] = ["a", "ab", "b", "c"];

enum What {
    Folder(&'static str),
    Part(&'static str, Part),
}

impl What {
    fn any(random: &mut fastrand::Rng) -> Self {
        let folder = FOLDERS[random.usize(..FOLDERS.len())];
        match random.u32(..6) {
            0 => Self::Folder(folder),
            1 => Self::Part(folder, Part::under(folder, ["", "a"][random.usize(..2)])),
            _ => Self::Part(folder, Part::row(folder, KEYS[random.usize(..KEYS.len())])),
        }
    }

    async fn watch(
        &self,
        watches: &Addr<WatchSupervisor<Store>>,
        to: &Addr<Recorder>,
    ) -> SubscriptionId {
        match self {
            Self::Folder(folder) => watches
                .send(Watch::new(Folder::new(*folder), to.clone()))
                .await
                .unwrap()
                .unwrap(),
            Self::Part(_, part) => watches
                .send(Watch::new(part.clone(), to.clone()))
                .await
                .unwrap()
                .unwrap(),
        }
    }

    fn rows(&self, store: &Store) -> BTreeMap<String, u64> {
        match self {
            Self::Folder(folder) => store.rows(folder),
            Self::Part(folder, part) => store
                .rows(folder)
                .into_iter()
                .filter(|(key, _)| part.has(store, key))
                .collect(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Folder(folder) => (*folder).to_owned(),
            Self::Part(_, part) => part.name(),
        }
    }
}

struct Feed {
    what: What,
    id: SubscriptionId,
    received: Received,
    address: Addr<Recorder>,
}

#[actix::test]
async fn the_latest_state_arrives_and_nothing_twice() {
    let (seed, mut random) = random();
    let store = Store::new();
    let watches = supervisor(&store)
        .arbiters(2)
        .shared_root(Folder::new("root"))
        .start();
    let mut feeds: Vec<Feed> = Vec::new();
    let mut names: Vec<String> = FOLDERS.map(str::to_owned).to_vec();
    for folder in FOLDERS {
        names.extend(KEYS.map(|key| Part::row(folder, key).name()));
        names.extend(["", "a"].map(|start| Part::under(folder, start).name()));
    }
    for step in 0..2000 {
        let folder = FOLDERS[random.usize(..FOLDERS.len())];
        let key = KEYS[random.usize(..KEYS.len())];
        match random.u32(..100) {
            0..40 => drop(store.put(folder, key, random.u64(..4))),
            40..52 => store.delete(folder, key),
            52..54 => store.hide(folder, key, random.bool()),
            54..60 => {
                let mode = match random.u32(..5) {
                    0 => Mode::Panic,
                    1 => Mode::Fail(FailureClass::Transient),
                    2 => Mode::Fail(FailureClass::Denied),
                    3 => Mode::Silent,
                    _ => Mode::Impatient,
                };
                store.mode(&names[random.usize(..names.len())], mode);
            }
            60..70 => {
                for name in &names {
                    store.mode(name, Mode::Honest);
                }
            }
            70..73 => assert!(watches.send(Reset::new()).await.unwrap().is_ok()),
            73..86 if feeds.len() < 30 => {
                let what = What::any(&mut random);
                let habit = if random.bool() {
                    Habit::Prompt
                } else {
                    Habit::Slow(Duration::from_millis(3))
                };
                let (address, received) = Recorder::with(habit);
                let id = what.watch(&watches, &address).await;
                feeds.push(Feed {
                    what,
                    id,
                    received,
                    address,
                });
            }
            86..90 if !feeds.is_empty() => {
                let feed = feeds.swap_remove(random.usize(..feeds.len()));
                let stopped = watches.stop(Stop::subscription(feed.id)).await;
                assert_eq!(stopped.subscriptions, 1, "step {step} (SEED={seed})");
                let count = feed.received.count();
                tokio::task::yield_now().await;
                assert_eq!(
                    feed.received.count(),
                    count,
                    "nothing comes after a stop (SEED={seed})"
                );
            }
            90..92 if !feeds.is_empty() => {
                feeds
                    .swap_remove(random.usize(..feeds.len()))
                    .address
                    .do_send(Leave);
            }
            92..93 => {
                watches.stop(Stop::query(&Folder::new(folder))).await;
                feeds.retain(|feed| !matches!(feed.what, What::Folder(of) if of == folder));
            }
            _ => tokio::time::sleep(Duration::from_millis(random.u64(..3))).await,
        }
    }
    for name in &names {
        store.mode(name, Mode::Honest);
    }
    for folder in FOLDERS {
        for key in KEYS {
            store.hide(folder, key, false);
        }
    }
    for feed in &feeds {
        let name = feed.what.name();
        until(&format!("{name} arrives (SEED={seed})"), || {
            feed.received
                .last()
                .is_some_and(|seen| seen.rows == feed.what.rows(&store))
        })
        .await;
        for pair in feed.received.all().windows(2) {
            assert_ne!(
                pair[0].rows, pair[1].rows,
                "{name} twice in a row (SEED={seed})"
            );
            assert_eq!(
                pair[1].previous.as_ref(),
                Some(&pair[0].rows),
                "{name} continues (SEED={seed})"
            );
        }
    }
    watches.stop(Stop::all()).await;
    assert_eq!(store.open(), 0, "every request is closed (SEED={seed})");
    assert!(watches.send(Status::all()).await.unwrap().is_empty());
}
