//! A derived watch: its value follows from other watches, which come, go, fail and end with it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says why")]

mod common;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::prelude::*;
use common::{
    Events, Folder, Merged, Mode, Recorder, Rows, Say, Sight, Store, merged::HORROR, pass, paused,
    supervisor, until,
};
use consul_watch_actors::{
    Changed, ConnectionBudget, FailureClass, Observe, Query, Ready, ReadyError, Reason, Reset,
    Status, Stop, SubscriptionId, Watch, WatchEvent, WatchStatus, WatchSupervisor,
};

type Watches = Addr<WatchSupervisor<Store>>;

async fn begin(watches: &Watches, query: &Merged) -> (SubscriptionId, Sight, Addr<Recorder>) {
    let (subscriber, sight) = Recorder::prompt();
    let watch = Watch::new(query.clone(), subscriber.clone());
    (
        watches.send(watch).await.unwrap().unwrap(),
        sight,
        subscriber,
    )
}

async fn status(watches: &Watches, query: &impl Query) -> Option<WatchStatus> {
    watches
        .send(Status::query(query))
        .await
        .unwrap()
        .into_iter()
        .next()
}

/// The names of all watches, each with its number of subscribers.
async fn watched(watches: &Watches) -> Vec<String> {
    let all = watches.send(Status::all()).await.unwrap();
    all.iter()
        .map(|status| format!("{} {}", status.path, status.subscribers))
        .collect()
}

fn rows<const N: usize>(rows: [(&str, u64); N]) -> BTreeMap<String, u64> {
    rows.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn shows<const N: usize>(sight: &Sight, expected: [(&str, u64); N]) -> bool {
    sight.last().is_some_and(|seen| seen.rows == rows(expected))
}

#[actix::test]
async fn the_first_value_comes_when_all_inputs_have_answered_and_then_one_a_change() {
    let store = Store::new();
    store.put("x", "a", 1);
    store.put("y", "a", 2);
    store.mode("y", Mode::Silent);
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y"]);
    let (_, sight, _) = begin(&watches, &both).await;
    pass(60).await;
    assert_eq!(sight.count(), 0, "one input has not answered yet");
    assert_eq!(
        status(&watches, &both).await.unwrap().state.name(),
        "connecting"
    );
    assert_eq!(
        watched(&watches).await,
        ["folder:x 1", "folder:y 1", "merged:both 1"]
    );
    store.mode("y", Mode::Honest);
    watches.send(Ready::query(&both)).await.unwrap().unwrap();
    until("the first value arrives", || {
        shows(&sight, [("x.a", 1), ("y.a", 2)])
    })
    .await;
    for value in 2..20 {
        store.put("x", "a", value);
        until("the change arrives", || {
            shows(&sight, [("x.a", value), ("y.a", 2)])
        })
        .await;
        assert_eq!(sight.last().unwrap().changes, ["updated x.a"]);
    }
    store.put("elsewhere", "a", 1);
    pass(60).await;
    assert_eq!(
        sight.count(),
        19,
        "one message a change, and none for what is not made of it"
    );
    assert!(
        sight.all()[1..]
            .iter()
            .all(|seen| seen.reason == Reason::Change && seen.coalesced == 0)
    );
}

#[actix::test]
async fn inputs_come_and_go_as_the_value_says_and_nothing_of_them_stays() {
    let store = Store::new();
    let watches = paused(&store);
    let listed = Merged::of("listed", [""; 0]).listed_in("list");
    let (_, sight, _) = begin(&watches, &listed).await;
    until("it begins with nothing", || shows(&sight, [])).await;
    for round in 0..1000_u64 {
        let folder = format!("folder{round}");
        store.put(&folder, "a", 1);
        store.put("list", &folder, 1);
        until("the new input is there", || {
            sight
                .last()
                .is_some_and(|seen| seen.rows.contains_key(&format!("{folder}.a")))
        })
        .await;
        if round >= 3 {
            store.delete("list", &format!("folder{}", round - 3));
        }
    }
    until("the last ones are there", || {
        sight.last().is_some_and(|seen| seen.rows.len() == 3)
    })
    .await;
    until("the others are closed", || store.open() == 4).await;
    assert_eq!(
        watched(&watches).await,
        [
            "folder:folder997 1",
            "folder:folder998 1",
            "folder:folder999 1",
            "folder:list 1",
            "merged:listed 1"
        ]
    );
    store.wipe();
    until("none is left", || shows(&sight, [])).await;
    until("and only the list is asked", || store.open() == 1).await;
    watches.stop(Stop::query(&listed)).await;
    assert_eq!((watched(&watches).await.len(), store.open()), (0, 0));
}

#[actix::test]
async fn an_input_that_goes_and_comes_at_once_is_followed_and_let_go_all_the_same() {
    for when in 0..60 {
        let store = Store::new();
        store.put("x", "a", 1);
        let watches = paused(&store);
        let listed = Merged::of("listed", [""; 0]).listed_in("list");
        let (_, sight, _) = begin(&watches, &listed).await;
        until("it begins", || shows(&sight, [])).await;
        for round in 0..when {
            store.put("list", "x", round);
            for _ in 0..when / 2 {
                tokio::task::yield_now().await;
            }
            store.delete("list", "x");
            for _ in 0..(when * 7 + round) % 11 {
                tokio::task::yield_now().await;
            }
        }
        store.put("list", "x", 99);
        store.put("x", "a", 2 + when);
        until("it follows x", || shows(&sight, [("x.a", 2 + when)])).await;
        store.put("x", "a", 1000);
        until("and its changes", || shows(&sight, [("x.a", 1000)])).await;
        store.delete("list", "x");
        until("it lets x go", || shows(&sight, [])).await;
        until("and x ends", || store.open() == 1).await;
        assert_eq!(
            watched(&watches).await,
            ["folder:list 1", "merged:listed 1"]
        );
        tokio::time::resume();
    }
}

#[actix::test]
async fn an_input_that_is_named_twice_is_followed_once() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let twice = Merged::of("twice", ["x", "x"]).listed_in("list");
    store.put("list", "x", 1);
    let (_, sight, _) = begin(&watches, &twice).await;
    until("it begins", || shows(&sight, [("x.a", 1)])).await;
    store.put("x", "a", 2);
    until("it goes on", || shows(&sight, [("x.a", 2)])).await;
    assert_eq!(
        watched(&watches).await,
        ["folder:list 1", "folder:x 1", "merged:twice 1"]
    );
    watches.stop(Stop::query(&twice)).await;
    assert_eq!((watched(&watches).await.len(), store.open()), (0, 0));
}

#[actix::test]
async fn an_input_that_somebody_stops_is_followed_again() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let (_, sight, _) = begin(&watches, &Merged::of("both", ["x", "y"])).await;
    until("it begins", || shows(&sight, [("x.a", 1)])).await;
    for value in 2..10 {
        let stopped = watches.stop(Stop::path("x")).await;
        assert_eq!(stopped.ended, [common::path("x")]);
        store.put("x", "a", value);
        until("it is followed again", || shows(&sight, [("x.a", value)])).await;
    }
    watches.stop(Stop::paths(["x", "y"])).await;
    pass(60).await;
    assert_eq!(sight.count(), 9, "nothing is repeated");
    assert_eq!((watched(&watches).await.len(), store.open()), (3, 2));
    watches.stop(Stop::paths(["x", "both"])).await;
    pass(60).await;
    assert_eq!(
        (watched(&watches).await.len(), store.open()),
        (0, 0),
        "unless what it is made into ends too"
    );
}

#[actix::test]
async fn its_end_ends_the_inputs_that_nobody_else_watches() {
    let store = Store::new();
    let watches = paused(&store);
    let (one, two) = (Merged::of("one", ["x", "y"]), Merged::of("two", ["y", "z"]));
    let (first, first_sight, _) = begin(&watches, &one).await;
    let (_, second_sight, _) = begin(&watches, &two).await;
    let (other, other_sight) = Recorder::prompt();
    watches.watch("z", other).await;
    until("all have begun", || {
        first_sight.count() + second_sight.count() + other_sight.count() == 3
    })
    .await;
    until("three are asked", || store.open() == 3).await;
    assert_eq!(
        watched(&watches).await,
        [
            "folder:x 1",
            "folder:y 2",
            "folder:z 2",
            "merged:one 1",
            "merged:two 1"
        ]
    );
    watches.stop(Stop::subscription(first)).await;
    assert_eq!(store.open(), 2, "the request of x is closed by now");
    assert_eq!(
        watched(&watches).await,
        ["folder:y 1", "folder:z 2", "merged:two 1"]
    );
    store.put("y", "a", 1);
    until("the other one goes on", || {
        shows(&second_sight, [("y.a", 1)])
    })
    .await;
    watches.stop(Stop::path("two")).await;
    assert_eq!(store.open(), 1);
    assert_eq!(watched(&watches).await, ["folder:z 1"]);
    assert_eq!(first_sight.count(), 1);
    store.put("z", "a", 1);
    until("and the plain watch too", || other_sight.shows(1)).await;
    watches.stop(Stop::all()).await;
    assert_eq!(store.open(), 0);
}

#[actix::test]
async fn a_stop_at_any_moment_leaves_nothing_behind() {
    tokio::time::pause();
    for (when, how) in (0..40).flat_map(|when| (0..3).map(move |how| (when, how))) {
        let store = Store::new();
        for folder in ["x", "y", "z"] {
            store.put(folder, "a", 1);
            store.put("list", folder, 1);
        }
        let watches = supervisor(&store).arbiters(0).start();
        let part = Merged::of("part", ["u", "v"]);
        let listed = Merged::of("listed", [""; 0]).listed_in("list").with([part]);
        let (_, sight, _) = begin(&watches, &listed).await;
        for _ in 0..when {
            tokio::task::yield_now().await;
        }
        match how {
            0 => watches.stop(Stop::query(&listed)).await,
            1 => watches.stop(Stop::all()).await,
            _ => {
                watches.do_send(Stop::path("x"));
                watches.stop(Stop::query(&listed)).await
            }
        };
        assert_eq!(store.open(), 0, "after {when} turns, {how}");
        assert_eq!(
            watched(&watches).await,
            [""; 0],
            "after {when} turns, {how}"
        );
        let (asked, seen) = (store.asked("x").len(), sight.count());
        store.put("x", "a", 2);
        pass(5).await;
        assert_eq!(
            (store.asked("x").len(), sight.count(), store.open()),
            (asked, seen, 0)
        );
    }
}

#[actix::test]
async fn it_ends_with_its_subscriber() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, sight) = Recorder::prompt();
    watches
        .send(Watch::new(Merged::of("one", ["x"]), subscriber.downgrade()))
        .await
        .unwrap()
        .unwrap();
    until("it begins", || sight.count() == 1).await;
    drop(subscriber);
    until("nothing is asked any more", || store.open() == 0).await;
    assert_eq!(watched(&watches).await, [""; 0]);
}

#[actix::test]
async fn it_ends_with_the_supervisor() {
    for when in (0..40).chain([1000]) {
        let store = Store::new();
        let watches = paused(&store);
        let (_, _, subscriber) = begin(&watches, &Merged::of("both", ["x", "y"])).await;
        for _ in 0..when {
            tokio::task::yield_now().await;
        }
        drop(watches);
        pass(3).await;
        assert_eq!(store.open(), 0, "after {when} turns");
        assert!(subscriber.connected());
        tokio::time::resume();
    }
}

#[actix::test]
async fn a_reset_repeats_nothing_and_what_it_finds_is_a_resync() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let (_, sight, _) = begin(&watches, &Merged::of("both", ["x", "y"])).await;
    until("it begins", || shows(&sight, [("x.a", 1)])).await;
    for _ in 0..10 {
        assert_eq!(watches.send(Reset::new()).await.unwrap().unwrap(), 3);
        pass(1).await;
    }
    assert_eq!(sight.count(), 1);
    store.put("x", "a", 2);
    until("the change arrives", || shows(&sight, [("x.a", 2)])).await;
    assert_eq!(
        sight.last().unwrap().reason,
        Reason::Change,
        "the break was over before it"
    );
    let other = Store::new();
    other.put("x", "a", 3);
    watches.send(Reset::with(other)).await.unwrap().unwrap();
    until("the other source's value arrives", || {
        shows(&sight, [("x.a", 3)])
    })
    .await;
    pass(5).await;
    assert_eq!(
        (sight.count(), sight.last().unwrap().reason),
        (3, Reason::Resync)
    );
    assert_eq!(store.open(), 0, "and the old one is left alone");
}

#[actix::test]
async fn a_failing_input_is_told_once_and_so_is_its_recovery() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y", "z"]);
    let (_, sight, _) = begin(&watches, &both).await;
    until("it begins", || sight.count() == 1).await;
    let (observer, events) = Events::start_new();
    watches.send(Observe::path("both", observer)).await.unwrap();
    store.mode("x", Mode::Fail(FailureClass::Transient));
    pass(30).await;
    assert_eq!(events.names(), ["live", "retrying"]);
    store.mode("y", Mode::Fail(FailureClass::Denied));
    pass(30).await;
    let told = events.all().len();
    // The others go on, and each of their values is no reason to tell of the trouble again.
    for value in 1..50 {
        store.put("z", "a", value);
        until("the change arrives", || {
            shows(&sight, [("x.a", 1), ("z.a", value)])
        })
        .await;
    }
    assert_eq!(events.all().len(), told, "{:?}", events.all());
    store.mode("y", Mode::Honest);
    store.mode("x", Mode::Honest);
    pass(30).await;
    assert_eq!(
        events
            .names()
            .iter()
            .filter(|name| **name == "live")
            .count(),
        2
    );
    assert_eq!(*events.names().last().unwrap(), "live");
    assert_eq!(sight.count(), 50);
}

#[actix::test]
async fn an_input_that_can_never_be_answered_is_told_and_mended_by_a_reset() {
    let store = Store::new();
    store.put("x", "a", 1);
    store.mode("y", Mode::Fail(FailureClass::Invalid));
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y"]);
    let (_, sight, _) = begin(&watches, &both).await;
    let ready = watches.send(Ready::query(&both));
    let ready = tokio::time::timeout(Duration::from_secs(60), ready)
        .await
        .expect("it is answered");
    assert!(matches!(ready.unwrap(), Err(ReadyError::Invalid { .. })));
    assert_eq!(
        status(&watches, &both).await.unwrap().state.name(),
        "stopped"
    );
    store.mode("y", Mode::Honest);
    watches.send(Reset::new()).await.unwrap().unwrap();
    until("it begins", || shows(&sight, [("x.a", 1)])).await;
    assert!(status(&watches, &both).await.unwrap().state.is_live());
    store.mode("y", Mode::Fail(FailureClass::Invalid));
    pass(30).await;
    assert_eq!(
        status(&watches, &both).await.unwrap().state.name(),
        "retrying"
    );
    store.put("x", "a", 2);
    until("the other input goes on", || shows(&sight, [("x.a", 2)])).await;
    assert_eq!(
        status(&watches, &both)
            .await
            .unwrap()
            .state
            .error()
            .unwrap()
            .class(),
        FailureClass::Invalid
    );
}

#[actix::test]
async fn a_panic_in_a_derivation_is_told_and_costs_the_inputs_nothing() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y"]);
    let (_, sight, _) = begin(&watches, &both).await;
    until("it begins", || sight.count() == 1).await;
    let (observer, events) = Events::start_new();
    watches.send(Observe::path("both", observer)).await.unwrap();
    store.put("x", "a", HORROR);
    pass(30).await;
    for value in 0..5 {
        store.put("y", "a", value);
        pass(1).await;
    }
    assert_eq!(events.names(), ["live", "rejected"], "told once");
    assert_eq!(store.dropped(), 0, "no request was dropped for it");
    store.put("x", "a", 2);
    until("the next good value arrives", || {
        shows(&sight, [("x.a", 2), ("y.a", 4)])
    })
    .await;
    assert_eq!(sight.count(), 2);
    assert_eq!(
        watched(&watches).await,
        ["folder:x 1", "folder:y 1", "merged:both 1"]
    );
}

#[actix::test]
async fn a_panic_in_its_watcher_or_an_inputs_is_made_good() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y"]);
    let (_, sight, _) = begin(&watches, &both).await;
    until("it begins", || sight.count() == 1).await;
    let (observer, events) = Events::start_new();
    watches.send(Observe::path("both", observer)).await.unwrap();
    store.mode("x", Mode::Panic);
    pass(10).await;
    store.mode("x", Mode::Honest);
    pass(10).await;
    assert_eq!(
        (events.names(), sight.count()),
        (vec!["live", "retrying", "live"], 1)
    );
    // Comparing this value panics, in the input's watcher first.
    store.put("x", "b", Rows::CURSED);
    pass(10).await;
    assert_eq!(
        events.names(),
        ["live", "retrying", "live", "rejected"],
        "the input's rejection is its own"
    );
    store.delete("x", "b");
    store.put("x", "a", 2);
    until("the next good value arrives", || {
        shows(&sight, [("x.a", 2)])
    })
    .await;
    pass(5).await;
    assert_eq!(sight.count(), 2);
    assert_eq!(
        watched(&watches).await,
        ["folder:x 1", "folder:y 1", "merged:both 1"]
    );
    assert_eq!(store.open(), 2);
    watches.stop(Stop::query(&both)).await;
    assert_eq!(store.open(), 0);
}

#[actix::test]
async fn a_panic_in_the_derived_watcher_itself_leaves_no_second_subscription() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    // Empty when it begins; with a cursed row the derived value cannot be compared, nor x's own.
    let (_, sight, _) = begin(&watches, &Merged::of("both", ["x", "cursed"])).await;
    until("it begins", || sight.count() == 1).await;
    store.mode("cursed", Mode::Panic);
    store.put("cursed", "a", Rows::CURSED);
    store.mode("cursed", Mode::Honest);
    pass(20).await;
    store.delete("cursed", "a");
    store.put("x", "a", 2);
    until("the feed goes on", || shows(&sight, [("x.a", 2)])).await;
    pass(5).await;
    assert_eq!(
        watched(&watches).await,
        ["folder:cursed 1", "folder:x 1", "merged:both 1"]
    );
    assert_eq!(store.open(), 2);
}

#[actix::test]
async fn derived_watches_are_made_of_derived_ones() {
    let store = Store::new();
    for folder in ["w", "x", "y", "z"] {
        store.put(folder, "a", 1);
    }
    let watches = paused(&store);
    let (left, right) = (
        Merged::of("left", ["w", "x"]),
        Merged::of("right", ["x", "y"]),
    );
    let top = Merged::of("top", ["z"]).with([left.clone(), right.clone()]);
    let (_, sight, _) = begin(&watches, &top).await;
    until("it begins", || {
        shows(&sight, [("w.a", 1), ("x.a", 1), ("y.a", 1), ("z.a", 1)])
    })
    .await;
    assert_eq!(sight.count(), 1);
    store.put("w", "a", 2);
    until("a change comes up", || {
        shows(&sight, [("w.a", 2), ("x.a", 1), ("y.a", 1), ("z.a", 1)])
    })
    .await;
    pass(5).await;
    assert_eq!(sight.count(), 2);
    store.mode("x", Mode::Fail(FailureClass::Denied));
    pass(5).await;
    for query in [&left, &right, &top] {
        assert_eq!(
            status(&watches, query).await.unwrap().state.name(),
            "retrying"
        );
    }
    store.mode("x", Mode::Honest);
    pass(5).await;
    for query in [&left, &right, &top] {
        assert!(status(&watches, query).await.unwrap().state.is_live());
    }
    watches.stop(Stop::query(&top)).await;
    assert_eq!(
        (watched(&watches).await.len(), store.open()),
        (0, 0),
        "the reply waits for all below"
    );
}

#[actix::test]
async fn two_inputs_that_go_by_one_name_are_not_taken_for_each_other() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    // Two different queries, both called `part`.
    let (one, other) = (Merged::of("part", ["x"]), Merged::of("part", ["y"]));
    let top = Merged::of("top", [""; 0]).with([one, other]);
    let (_, sight, _) = begin(&watches, &top).await;
    until("it begins", || shows(&sight, [("x.a", 1)])).await;
    for failing in ["x", "y"] {
        store.mode(failing, Mode::Fail(FailureClass::Transient));
        pass(5).await;
        assert_eq!(
            status(&watches, &top).await.unwrap().state.name(),
            "retrying",
            "{failing} fails"
        );
        store.mode(failing, Mode::Honest);
        pass(5).await;
        assert!(
            status(&watches, &top).await.unwrap().state.is_live(),
            "{failing} is well again"
        );
    }
}

#[actix::test]
async fn a_waiting_input_makes_it_wait() {
    let store = Store::new();
    let places = ConnectionBudget::new(1).with_short_permits(1);
    let watches = paused(&store.clone().with_places(&places));
    let both = Merged::of("both", ["x", "y"]);
    let (_, sight, _) = begin(&watches, &both).await;
    until("it begins", || sight.count() == 1).await;
    pass(1).await;
    assert_eq!(
        status(&watches, &both).await.unwrap().state.name(),
        "polling"
    );
    store.put("x", "a", 1);
    store.put("y", "a", 1);
    pass(13).await;
    assert!(shows(&sight, [("x.a", 1), ("y.a", 1)]));
    watches.stop(Stop::all()).await;
    assert_eq!((places.available(), store.open()), (1, 0));
}

#[actix::test]
async fn five_hundred_inputs_are_no_reason_to_derive_five_hundred_times() {
    let store = Store::new();
    let folders: Vec<_> = (0..500).map(|n| format!("folder{n}")).collect();
    for folder in &folders {
        store.put(folder, "a", 1);
    }
    let watches = paused(&store);
    let many = Merged::of("many", &folders);
    let (_, sight, _) = begin(&watches, &many).await;
    until("it begins", || {
        sight.last().is_some_and(|seen| seen.rows.len() == 500)
    })
    .await;
    assert_eq!(sight.count(), 1);
    let (inputs, derived) = (many.count.inputs(), many.count.derived());
    assert!(
        inputs < 50 && derived < 50,
        "asked {inputs} times for inputs, {derived} times for a value"
    );
    for folder in &folders {
        store.put(folder, "a", 2);
    }
    until("all is new", || {
        sight
            .last()
            .is_some_and(|seen| seen.rows.values().all(|value| *value == 2))
    })
    .await;
    assert!(many.count.derived() - derived < 50);
}

#[actix::test]
async fn an_input_that_was_let_go_and_lives_on_for_others_is_no_concern_any_more() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let (other, other_sight) = Recorder::prompt();
    watches.watch("x", other).await;
    let listed = Merged::of("listed", [""; 0]).listed_in("list");
    let (_, sight, _) = begin(&watches, &listed).await;
    let (observer, events) = Events::start_new();
    watches
        .send(Observe::path("listed", observer))
        .await
        .unwrap();
    for _ in 0..20 {
        store.put("list", "x", 1);
        until("it follows x", || shows(&sight, [("x.a", 1)])).await;
        store.delete("list", "x");
        until("it lets x go", || shows(&sight, [])).await;
    }
    pass(5).await;
    store.mode("x", Mode::Fail(FailureClass::Transient));
    pass(5).await;
    assert!(status(&watches, &listed).await.unwrap().state.is_live());
    assert!(!events.names().contains(&"retrying"));
    assert_eq!(watches.status("x").await.unwrap().subscribers, 1);
    assert_eq!(other_sight.count(), 1);
}

/// Subscribes and observes, as the watcher of a derived query does.
#[derive(Debug)]
struct Follower(Arc<AtomicUsize>);

impl Actor for Follower {
    type Context = Context<Self>;
}

impl Handler<Changed<Folder>> for Follower {
    type Result = ();

    fn handle(&mut self, _: Changed<Folder>, _: &mut Self::Context) {}
}

impl Handler<WatchEvent> for Follower {
    type Result = ();

    fn handle(&mut self, _: WatchEvent, _: &mut Self::Context) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[actix::test]
async fn who_observes_what_it_subscribes_to_hears_no_more_of_it_when_its_subscription_ends() {
    let store = Store::new();
    let watches = paused(&store);
    let (other, _) = Recorder::prompt();
    watches.watch("x", other).await;
    let events = Arc::new(AtomicUsize::new(0));
    let follower = Follower(Arc::clone(&events)).start();
    let watch = Watch::new(Folder::new("x"), follower.clone()).observer(follower.clone());
    let id = watches.send(watch).await.unwrap().unwrap();
    watches.ready("x").await;
    watches.stop(Stop::subscription(id)).await;
    let told = events.load(Ordering::Relaxed);
    assert!(told > 0);
    store.mode("x", Mode::Fail(FailureClass::Transient));
    pass(5).await;
    store.mode("x", Mode::Honest);
    pass(5).await;
    assert_eq!(events.load(Ordering::Relaxed), told);
}

#[actix::test]
async fn ready_is_answered_at_once_with_the_first_value_after_a_bad_one() {
    let store = Store::new();
    store.mode("x", Mode::Reject("no such encoding", false));
    let watches = paused(&store);
    let both = Merged::of("both", ["x"]);
    let (_, sight, _) = begin(&watches, &both).await;
    // Right behind a sweep, so that the next one is far.
    pass(5).await;
    let refused = watches.send(Ready::query(&both)).await.unwrap();
    assert!(
        matches!(&refused, Err(ReadyError::Rejected { reason, .. }) if reason.to_string() == "no such encoding"),
        "not {refused:?}"
    );
    store.mode("x", Mode::Silent);
    watches.send(Reset::new()).await.unwrap().unwrap();
    store.mode("x", Mode::Honest);
    store.put("x", "a", 1);
    let start = tokio::time::Instant::now();
    until("it is delivered", || sight.count() == 1).await;
    watches.send(Ready::query(&both)).await.unwrap().unwrap();
    assert!(
        start.elapsed() < Duration::from_millis(200),
        "it took {:?}",
        start.elapsed()
    );
}

/// In real time: the inputs' watchers and the derived ones run on threads of their own.
#[actix::test]
async fn it_holds_on_two_arbiters_too() {
    let store = Store::new();
    let watches = supervisor(&store).arbiters(2).start();
    let part = Merged::of("part", ["a", "b", "c"]);
    let top = Merged::of("top", [""; 0]).listed_in("list").with([part]);
    for round in 0..20 {
        let (_, sight, _) = begin(&watches, &top).await;
        for step in 0..30_u64 {
            let folder = ["a", "b", "c", "d", "e"][fastrand::usize(..5)];
            match fastrand::u8(..4) {
                0 => drop(store.put("list", ["d", "e"][fastrand::usize(..2)], step)),
                1 => store.delete("list", ["d", "e"][fastrand::usize(..2)]),
                _ => drop(store.put(folder, "k", round * 100 + step)),
            }
            if fastrand::u8(..8) == 0 {
                let stop = Stop::path(["a", "d", "list", "part"][fastrand::usize(..4)]);
                watches.do_send(stop);
            }
            tokio::task::yield_now().await;
        }
        let listed = store.rows("list").into_keys();
        let mut expected = BTreeMap::new();
        for folder in ["a", "b", "c"].into_iter().map(str::to_owned).chain(listed) {
            for (key, value) in store.rows(&folder) {
                expected.insert(format!("{folder}.{key}"), value);
            }
        }
        until("the last state arrives", || {
            sight.last().is_some_and(|seen| seen.rows == expected)
        })
        .await;
        let all = sight.all();
        assert!(
            all.windows(2).all(|pair| pair[0].rows != pair[1].rows),
            "nothing twice"
        );
        watches.stop(Stop::query(&top)).await;
        assert_eq!(store.open(), 0, "in round {round}");
        assert_eq!(watched(&watches).await, [""; 0]);
    }
}

/// In real time: the word of a subscription and the end of who asked for it cross each other.
#[actix::test]
async fn a_stop_that_crosses_a_subscription_leaves_nothing_behind_on_two_arbiters() {
    let store = Store::new();
    for folder in 0..20 {
        store.put("list", &format!("folder{folder}"), 1);
    }
    let watches = supervisor(&store).arbiters(2).start();
    let listed = Merged::of("listed", [""; 0]).listed_in("list");
    for round in 0..300 {
        let (id, ..) = begin(&watches, &listed).await;
        let pause = Duration::from_micros(fastrand::u64(..1500));
        std::thread::sleep(pause);
        watches.stop(Stop::subscription(id)).await;
        assert_eq!(
            watched(&watches).await,
            [""; 0],
            "in round {round}, after {pause:?}"
        );
        assert_eq!(store.open(), 0, "in round {round}, after {pause:?}");
    }
}
