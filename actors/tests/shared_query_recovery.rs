//! Members that leave a shared query, and come back to it.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::time::Duration;

use actix::prelude::*;
use common::{
    Folder, Mode, Received, Recorder, Store, SupervisorExt, pass,
    shared::{Watches, follow, rooted, row, store_of, until_state, watch},
    until,
};
use consul_watch_actors::{FailureClass, Reset, Stop, WatchSupervisor};
use tokio::time::Instant;

const MEMBERS: usize = 200;

/// A supervisor with the default back-off.
fn default_pace(store: &Store) -> Watches {
    WatchSupervisor::new(store.clone())
        .arbiters(0)
        .shared_root(Folder::new("app"))
        .start()
}

/// Watches many rows of the folder.
async fn watch_many(store: &Store, watches: &Watches) -> Vec<(Addr<Recorder>, Received)> {
    let mut all = Vec::new();
    for n in 0..MEMBERS {
        let key = format!("k{n:04}");
        store.put("app", &key, 1);
        let (subscriber, received) = Recorder::prompt();
        watch(watches, &row(&key), &subscriber).await;
        all.push((subscriber, received));
    }
    all
}

/// Whether this is the value of its row.
fn shows(received: &Received, value: u64) -> bool {
    let last = received.last();
    last.is_some_and(|seen| seen.rows.values().eq([&value]))
}

async fn until_first_states(all: &[(Addr<Recorder>, Received)]) {
    until("all have their first state", || {
        all.iter().all(|(_, received)| received.count() == 1)
    })
    .await;
}

/// Waits until one query serves all again, and each of them has its next change once.
async fn until_shared(store: &Store, all: &[(Addr<Recorder>, Received)]) {
    until("one query serves all again", || {
        (store.held(), store.open()) == (1, 1)
    })
    .await;
    let before: Vec<_> = all.iter().map(|(_, received)| received.count()).collect();
    let value = store.rows("app").into_values().max().unwrap() + 1;
    for n in 0..MEMBERS {
        store.put("app", &format!("k{n:04}"), value);
    }
    until("each has its change", || {
        all.iter().all(|(_, received)| shows(received, value))
    })
    .await;
    let after: Vec<_> = all
        .iter()
        .map(|(_, received)| received.count() - 1)
        .collect();
    assert_eq!(after, before, "each has it once");
}

#[actix::test]
async fn a_refused_root_serves_its_members_again() {
    tokio::time::pause();
    for class in [FailureClass::Denied, FailureClass::TooLarge] {
        let store = Store::new();
        let watches = default_pace(&store);
        let all = watch_many(&store, &watches).await;
        until_first_states(&all).await;
        for seconds in [1, 60] {
            store.mode("app", Mode::Fail(class));
            pass(seconds).await;
            if seconds > 1 {
                assert_eq!(store.held(), MEMBERS, "they send queries of their own");
                store.put("app", "k0000", 77);
                until("the latest arrives", || shows(&all[0].1, 77)).await;
            }
            store.mode("app", Mode::Honest);
            until_shared(&store, &all).await;
        }
        let states = all[1].1.count();
        assert_eq!(states, 3, "nothing is delivered twice");
        watches.stop(Stop::all()).await;
        assert_eq!(store.open(), 0);
    }
}

#[actix::test]
async fn a_root_that_is_refused_at_the_start_serves_when_it_is_answered() {
    tokio::time::pause();
    for class in [FailureClass::Denied, FailureClass::TooLarge] {
        let store = Store::new();
        store.mode("app", Mode::Fail(class));
        let watches = default_pace(&store);
        let all = watch_many(&store, &watches).await;
        // From queries of their own.
        until_first_states(&all).await;
        store.mode("app", Mode::Honest);
        until_shared(&store, &all).await;
    }
}

#[actix::test]
async fn a_root_that_panics_each_time_serves_nobody_until_it_is_answered() {
    tokio::time::pause();
    let store = Store::new();
    let watches = default_pace(&store);
    let all = watch_many(&store, &watches).await;
    until_first_states(&all).await;
    store.mode("app", Mode::Panic);
    // It wakes the query that is held.
    store.put("app", "k0000", 2);
    pass(120).await;
    assert_eq!(store.held(), MEMBERS, "they send queries of their own");
    assert!(shows(&all[0].1, 2), "the latest arrives");
    store.mode("app", Mode::Honest);
    until_shared(&store, &all).await;
}

#[actix::test]
async fn members_do_not_come_back_to_a_root_that_cannot_be_read() {
    tokio::time::pause();
    let store = Store::new();
    let watches = default_pace(&store);
    let all = watch_many(&store, &watches).await;
    until_first_states(&all).await;
    store.mode("app", Mode::Fail(FailureClass::Denied));
    until("they send queries of their own", || store.held() == MEMBERS).await;
    store.mode("app", Mode::Reject("not now", false));
    pass(40).await;
    store.forget();
    pass(40).await;
    let asked = store.all_asked();
    let own = asked.iter().filter(|asked| asked.folder != "app").count();
    assert_eq!(own, 0, "they keep the queries of their own");
    store.mode("app", Mode::Honest);
    // It wakes the query that is held.
    store.put("app", "k0000", 2);
    until_shared(&store, &all).await;
}

#[actix::test]
async fn a_reset_brings_members_back_at_once() {
    tokio::time::pause();
    let store = Store::new();
    let watches = default_pace(&store);
    let all = watch_many(&store, &watches).await;
    until_first_states(&all).await;
    for class in [FailureClass::Denied, FailureClass::Invalid] {
        store.mode("app", Mode::Fail(class));
        until("they send queries of their own", || store.held() == MEMBERS).await;
        store.mode("app", Mode::Honest);
        let start = Instant::now();
        watches.send(Reset::new()).await.unwrap().unwrap();
        until("one query serves all", || {
            (store.open(), store.held()) == (1, 1)
        })
        .await;
        assert!(start.elapsed() < Duration::from_secs(1));
    }
    until_shared(&store, &all).await;
}

#[actix::test]
async fn members_of_a_refused_root_make_no_storm() {
    tokio::time::pause();
    let store = Store::new();
    let watches = default_pace(&store);
    let all = watch_many(&store, &watches).await;
    until_first_states(&all).await;
    until("one query waits", || store.open() == 1).await;
    store.forget();
    store.mode("app", Mode::Fail(FailureClass::Denied));
    for n in 0..MEMBERS {
        store.mode(&format!("app/k{n:04}"), Mode::Fail(FailureClass::Denied));
    }
    until("the first one sends a query of its own", || {
        store.all_asked().iter().any(|asked| asked.folder != "app")
    })
    .await;
    let mut most = 0;
    for _ in 0..2_000 {
        let before = store.all_asked().len();
        tokio::time::sleep(Duration::from_millis(1)).await;
        most = most.max(store.all_asked().len() - before);
    }
    assert!(most < 20, "{most} queries within a millisecond");
}

#[actix::test]
async fn a_member_that_left_alone_comes_back() {
    let store = store_of(["a", "b"]);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _b, _) = follow(&watches, &row("b")).await;
    // Its own query is refused while it confirms a removal, so it leaves.
    store.mode("app/a", Mode::Fail(FailureClass::Denied));
    store.hide("app", "a", true);
    until_state(&watches, &row("a"), "retrying").await;
    store.hide("app", "a", false);
    store.mode("app/a", Mode::Honest);
    until("its own query waits", || store.held() == 2).await;
    until("the root serves it again", || store.held() == 1).await;
    store.put("app", "a", 2);
    until("the change arrives", || a.shows(2)).await;
    assert_eq!(a.count(), 2);
}

#[actix::test]
async fn a_member_that_comes_back_to_an_older_value_keeps_its_own() {
    let store = store_of(["a", "b"]);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _b, b) = follow(&watches, &row("b")).await;
    store.mode("app/a", Mode::Fail(FailureClass::Denied));
    store.hide("app", "a", true);
    until_state(&watches, &row("a"), "retrying").await;
    store.hide("app", "a", false);
    store.mode("app/a", Mode::Honest);
    until("its own query waits", || store.held() == 2).await;
    // The root's next answer is late.
    store.mode("app", Mode::Silent);
    store.put("app", "a", 2);
    until("its own query has the change", || a.shows(2)).await;
    pass(100).await;
    assert_eq!(a.count(), 2, "it does not go back");
    store.mode("app", Mode::Honest);
    store.put("app", "b", 2);
    until("the root is answered", || shows(&b, 2)).await;
    // The longest pause before a member comes back.
    pass(600).await;
    assert_eq!((store.held(), store.open()), (1, 1), "the root serves both");
    store.put("app", "a", 3);
    until("the next change arrives", || a.shows(3)).await;
    assert_eq!(a.count(), 3);
}
