//! Watches that a wider one serves: to their subscribers nothing is different.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says why")]

mod common;

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use common::{
    Events, Folder, Mode, Part, Recorder, Row, Say, Sight, Store,
    actors::{Habit, Leave, Occupy},
    pass, supervisor, until,
};
use consul_watch_actors::{
    FailureClass, Observe, Query, Ready, ReadyError, Reason, Reset, Snapshots, Status, Stop,
    SubscriptionId, View, Watch, WatchStatus, WatchSupervisor,
};
use tokio::sync::Semaphore;

type Watches = Addr<WatchSupervisor<Store>>;

/// A supervisor whose root is the folder `app`, by a paused clock.
fn rooted(store: &Store) -> Watches {
    tokio::time::pause();
    supervisor(store)
        .arbiters(0)
        .shared_root(Folder::new("app"))
        .start()
}

fn row(key: &str) -> Part {
    Part::row("app", key)
}

async fn watch(watches: &Watches, part: &Part, subscriber: &Addr<Recorder>) -> SubscriptionId {
    watches
        .send(Watch::new(part.clone(), subscriber.clone()))
        .await
        .unwrap()
        .unwrap()
}

/// Watches it, and waits for the first state.
async fn follow(watches: &Watches, part: &Part) -> (SubscriptionId, Addr<Recorder>, Sight) {
    let (subscriber, sight) = Recorder::prompt();
    let id = watch(watches, part, &subscriber).await;
    let first = sight.clone();
    until("the first state arrives", move || first.count() > 0).await;
    (id, subscriber, sight)
}

async fn status(watches: &Watches, part: &Part) -> WatchStatus {
    watches.send(Status::query(part)).await.unwrap().remove(0)
}

async fn until_state(watches: &Watches, part: &Part, name: &str) {
    for _ in 0..10_000 {
        if status(watches, part).await.state.name() == name {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it is never {name}: {:?}", status(watches, part).await);
}

/// Nobody is left over: no request, and no actor that holds the source.
async fn until_as_before(store: &Store, handles: usize) {
    until("nothing of them is left", || {
        store.open() == 0 && store.handles() == handles
    })
    .await;
}

#[actix::test]
async fn rows_of_a_folder_are_one_query_and_each_is_told_its_own() {
    let store = Store::new();
    for key in ["a", "b", "c"] {
        store.put("app", key, 1);
    }
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _b, b) = follow(&watches, &row("b")).await;
    let (_, _all, all) = follow(&watches, &Part::beneath("app", "")).await;
    assert_eq!(
        (
            a.all()[0].rows.len(),
            b.all()[0].rows.len(),
            all.all()[0].rows.len()
        ),
        (1, 1, 3)
    );
    until("one query waits", || (store.open(), store.held()) == (1, 1)).await;
    let index = store.put("app", "a", 2);
    until("the change arrives", || a.shows(2) && all.shows(2)).await;
    assert_eq!(
        (
            a.last().unwrap().index,
            status(&watches, &row("a")).await.index
        ),
        (index, index)
    );
    store.delete("app", "a");
    until("its removal is a change", || {
        a.values() == [Some(1), Some(2), None]
    })
    .await;
    until("for the folder too", || all.count() == 3).await;
    assert_eq!(all.last().unwrap().changes, ["removed a"]);
    until("one query waits", || (store.open(), store.held()) == (1, 1)).await;
    assert_eq!((b.count(), store.most_held()), (1, 1));
    store.put("app", "a", 2);
    until("it comes again", || a.shows(2)).await;
}

#[actix::test]
async fn what_is_hidden_from_the_wider_one_is_not_taken_for_gone() {
    let store = Store::new();
    for key in ["a", "b"] {
        store.put("app", key, 1);
    }
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _b, b) = follow(&watches, &row("b")).await;
    store.mode("app/b", Mode::Fail(FailureClass::Denied));
    store.hide("app", "a", true);
    store.hide("app", "b", true);
    pass(5).await;
    store.put("app", "a", 2);
    until("it asks by itself for what it alone may read", || {
        a.shows(2)
    })
    .await;
    assert_eq!(a.values(), [Some(1), Some(2)]);
    until_state(&watches, &row("b"), "retrying").await;
    assert_eq!(b.count(), 1, "nobody knows whether it is there");
    store.mode("app/b", Mode::Honest);
    store.put("app", "b", 2);
    until("it is there", || b.count() == 2).await;
    // Hidden from the first.
    let (_, _late, late) = follow(&watches, &row("a")).await;
    assert_eq!(late.values(), [Some(2)]);
}

#[actix::test]
async fn a_query_that_fails_keeps_its_pace_while_the_wider_value_changes() {
    let store = Store::new();
    store.put("app", "a1", 1);
    store.put("app", "a2", 1);
    let watches = rooted(&store);
    let part = Part::beneath("app", "a");
    let (_, _subscriber, sight) = follow(&watches, &part).await;
    store.mode("app/a*", Mode::FailFor(Duration::from_secs(20)));
    store.delete("app", "a1");
    for value in 0..1000 {
        store.put("app", "a2", value);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(store.asked("app/a*").len(), 1, "a pause was asked for");
    assert_eq!(sight.count(), 1);
    store.mode("app/a*", Mode::Honest);
    until("the latest arrives", || {
        sight.last().unwrap().rows == store.rows("app")
    })
    .await;
    assert_eq!(sight.count(), 2);
}

#[actix::test]
async fn writes_that_never_cease_hide_no_removal() {
    let store = Store::new();
    store.put("app", "a", 1);
    store.put("app", "b", 1);
    // Each list is older than what the query itself is answered.
    store.set_latency(Duration::from_millis(7));
    let watches = rooted(&store);
    let (_, _subscriber, sight) = follow(&watches, &Part::beneath("app", "")).await;
    store.delete("app", "a");
    let mut value = 0;
    while sight.values().last() != Some(&None) {
        value += 1;
        assert!(
            value < 10_000,
            "it is not told within 20 s: {:?}",
            store.asked("app/*").len()
        );
        store.put("app", "b", value);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(store.asked("app/*").len() < 20);
}

#[actix::test]
async fn a_stop_closes_every_request_and_nothing_comes_after_it() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = rooted(&store);
    for selection in [Stop::all, || Stop::query(&row("a"))] {
        let (_, subscriber, sight) = follow(&watches, &row("a")).await;
        store.mode("app/a", Mode::Silent);
        store.delete("app", "a");
        until("it asks by itself", || store.open() == 2).await;
        let gate = Arc::new(Semaphore::new(0));
        subscriber.do_send(Occupy(Arc::clone(&gate)));
        let stopped = watches.stop(selection()).await;
        assert_eq!((store.open(), stopped.not_watched.len()), (0, 0));
        store.mode("app/a", Mode::Honest);
        store.put("app", "a", 1);
        gate.add_permits(1);
        pass(60).await;
        assert_eq!((sight.count(), store.open()), (1, 0));
    }
}

#[actix::test]
async fn a_watch_right_behind_a_stop_and_a_stop_right_behind_a_watch() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = rooted(&store);
    let (subscriber, sight) = Recorder::prompt();
    for round in 1..=20 {
        watch(&watches, &row("a"), &subscriber).await;
        until("the state arrives", || sight.count() == 2 * round - 1).await;
        let stop = watches.send(Stop::all());
        let again = watches.send(Watch::new(row("a"), subscriber.clone()));
        let (stopped, id) = futures_util::future::join(stop, again).await;
        assert_eq!(
            (stopped.unwrap().subscriptions, id.unwrap().is_ok()),
            (2, true)
        );
        until("the new one gets the state", || sight.count() == 2 * round).await;
        // And one that may not even have begun.
        watches.do_send(Watch::new(row("b"), subscriber.clone()));
        let stopped = watches.stop(Stop::all()).await;
        assert_eq!((stopped.ended.len(), store.open()), (3, 0), "round {round}");
    }
    pass(60).await;
    assert_eq!((sight.count(), store.open()), (40, 0));
}

#[actix::test]
async fn resets_deliver_nothing_twice_and_close_what_asks_for_itself() {
    let store = Store::new();
    for key in ["a", "b"] {
        store.put("app", key, 1);
    }
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _b, b) = follow(&watches, &row("b")).await;
    store.mode("app/a", Mode::Silent);
    store.delete("app", "a");
    until("it asks by itself", || store.open() == 2).await;
    for round in 1..=10 {
        let dropped = store.dropped();
        assert_eq!(watches.send(Reset::new()).await.unwrap().unwrap(), 3);
        assert!(
            store.dropped() >= dropped + 2,
            "the old ones are closed by now, in round {round}"
        );
        until("both ask again", || (store.open(), store.held()) == (2, 1)).await;
    }
    store.mode("app/a", Mode::Honest);
    until("it is gone", || a.count() == 2).await;
    pass(60).await;
    assert_eq!((a.count(), b.count(), store.open()), (2, 1, 1));
    store.put("app", "b", 2);
    until("the next change arrives", || b.count() == 2).await;
}

#[actix::test]
async fn a_reset_to_other_entries_shows_those_and_a_stop_behind_it_leaves_nothing_open() {
    let store = Store::new();
    store.put("app", "a", 1);
    store.put("app", "xa", 2);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _all, all) = follow(&watches, &Part::beneath("app", "")).await;
    assert_eq!(all.last().unwrap().rows.len(), 2);
    for (prefix, key, value) in [("x", "xa", 2), ("", "a", 1)] {
        watches
            .send(Reset::with(store.clone().with_prefix(prefix)))
            .await
            .unwrap()
            .unwrap();
        until("its entry is shown", || {
            a.last().unwrap().rows.get(key) == Some(&value)
        })
        .await;
        assert_eq!(a.last().unwrap().reason, Reason::Resync);
        store.put("app", key, value + 5);
        until("and its changes", || {
            a.last().unwrap().rows.get(key) == Some(&(value + 5))
        })
        .await;
    }
    assert_eq!(a.count(), 5);
    until("the rest too", || {
        all.last().unwrap().rows == store.rows("app")
    })
    .await;
    // Each right behind the other.
    let to = |prefix: &str| watches.send(Reset::with(store.clone().with_prefix(prefix)));
    let resets = [to("x"), to(""), to("x")];
    let stop = watches.send(Stop::paths(["app/a", "app/*"]));
    let (resets, stopped) =
        futures_util::future::join(futures_util::future::join_all(resets), stop).await;
    assert!(resets.into_iter().all(|reset| reset.unwrap().is_ok()));
    assert_eq!((stopped.unwrap().ended.len(), store.open()), (2, 0));
    pass(5).await;
    assert_eq!(store.open(), 0);
}

#[actix::test]
async fn a_watch_right_behind_such_a_reset_is_told_nothing_of_the_source_before() {
    let store = Store::new();
    store.put("app", "a", 1);
    store.put("app", "xa", 2);
    let watches = rooted(&store.clone().with_prefix("x"));
    let (user, _) = Recorder::prompt();
    watches.watch("app", user).await;
    let (_, _a, a) = follow(&watches, &row("a")).await;
    store.set_latency(Duration::from_secs(1));
    let reset = watches.send(Reset::with(store.clone()));
    let (_, _all, all) = follow(&watches, &Part::beneath("app", "")).await;
    reset.await.unwrap().unwrap();
    until("both show all there is", || {
        a.shows(1) && all.last().unwrap().rows == store.rows("app")
    })
    .await;
    assert_eq!((a.count(), all.count()), (2, 1));
}

#[actix::test]
async fn after_many_resets_at_once_it_still_follows() {
    let store = Store::new();
    store.put("app", "a", 1);
    store.put("app", "xa", 2);
    let watches = rooted(&store);
    let (user, folder) = Recorder::prompt();
    watches.watch("app", user).await;
    let (_, _a, a) = follow(&watches, &row("a")).await;
    for round in 10..40 {
        let prefixes = ["", "x", "", "x", ""]
            .into_iter()
            .skip(round % 5)
            .chain(["x", ""]);
        let to = |prefix| watches.send(Reset::with(store.clone().with_prefix(prefix)));
        let resets: Vec<_> = prefixes.map(to).collect();
        for reset in futures_util::future::join_all(resets).await {
            assert!(reset.unwrap().is_ok());
        }
        let value = u64::try_from(round).unwrap();
        store.put("app", "a", value);
        until("the change arrives", || a.shows(value)).await;
    }
    until("and for the other", || folder.shows(39)).await;
}

#[actix::test]
async fn its_states_are_told_as_of_any_other_and_none_twice() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = rooted(&store);
    let (observer, events) = Events::start_new();
    watches
        .send(Observe::path("part:app/a", observer))
        .await
        .unwrap();
    let (_, _a, a) = follow(&watches, &row("a")).await;
    assert_eq!(events.names(), ["connecting", "live"]);
    for mode in [Mode::Fail(FailureClass::Transient), Mode::Panic] {
        store.mode("app", mode);
        until_state(&watches, &row("a"), "retrying").await;
        store.mode("app", Mode::Honest);
        until_state(&watches, &row("a"), "live").await;
    }
    let two = ["connecting", "live", "retrying", "live", "retrying", "live"];
    until("they are told", || events.names() == two).await;
    // Asks by itself from here on, which is no news unless it was in trouble.
    store.mode("app", Mode::Fail(FailureClass::Transient));
    until_state(&watches, &row("a"), "retrying").await;
    store.mode("app", Mode::Fail(FailureClass::Denied));
    until_state(&watches, &row("a"), "live").await;
    until("each once", || {
        events.names() == [&two[..], &["retrying", "live"]].concat()
    })
    .await;
    store.put("app", "a", 2);
    until("it goes on", || a.shows(2)).await;
    watches.stop(Stop::all()).await;
    until("its end is told", || {
        events.names().last() == Some(&"ended")
    })
    .await;
    assert_eq!(events.names().len(), 9);
}

#[actix::test]
async fn ready_waits_for_its_own_value_and_no_refusal_of_the_wider_one_ends_it() {
    let store = Store::new();
    store.put("app", "a", 1);
    store.mode("app", Mode::Silent);
    let watches = rooted(&store);
    let (subscriber, _) = Recorder::prompt();
    watch(&watches, &row("a"), &subscriber).await;
    watch(&watches, &row("b"), &subscriber).await;
    let ready = watches.send(Ready::query(&row("a")));
    let (observer, events) = Events::start_new();
    watches
        .send(Observe::path("part:app/a", observer))
        .await
        .unwrap();
    store.mode("app", Mode::Fail(FailureClass::Invalid));
    assert!(ready.await.unwrap().is_ok());
    until_state(&watches, &row("a"), "live").await;
    assert_eq!(events.names(), ["connecting", "live"]);
    assert!(watches.send(Ready::all()).await.unwrap().is_ok());
    watches.stop(Stop::all()).await;
    store.mode("app", Mode::Honest);
    store.mode("app/b", Mode::Fail(FailureClass::Invalid));
    watch(&watches, &row("b"), &subscriber).await;
    let invalid = watches.send(Ready::query(&row("b"))).await.unwrap();
    assert!(
        matches!(invalid, Err(ReadyError::Invalid { .. })),
        "{invalid:?}"
    );
}

#[actix::test]
async fn what_is_on_its_way_when_it_begins_to_ask_by_itself_is_neither_lost_nor_doubled() {
    tokio::time::pause();
    for why in [
        FailureClass::Denied,
        FailureClass::TooLarge,
        FailureClass::Invalid,
    ] {
        let store = Store::new();
        store.put("app", "a", 1);
        let watches = supervisor(&store)
            .arbiters(0)
            .shared_root(Folder::new("app"))
            .start();
        let (subscriber, sight, gate) = Recorder::gated();
        watch(&watches, &row("a"), &subscriber).await;
        until("the first state is with it", || sight.count() == 1).await;
        store.mode("app", Mode::Fail(why));
        until("it asks by itself", || {
            store.asked("app/a").len() == 2 && store.held() == 1
        })
        .await;
        pass(5).await;
        gate.add_permits(1);
        pass(5).await;
        assert_eq!(sight.count(), 1, "it was told already");
        store.put("app", "a", 2);
        gate.add_permits(9);
        until("the change arrives", || {
            sight.values() == [Some(1), Some(2)]
        })
        .await;
        assert_eq!(store.open(), 1, "nobody asks for the folder");
        watches.stop(Stop::all()).await;
        assert_eq!(store.open(), 0);
    }
}

#[actix::test]
async fn whoever_panics_loses_nobody() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (slow, slow_sight, gate) = Recorder::gated();
    watch(&watches, &row("a"), &slow).await;
    until("one update is in flight", || slow_sight.count() == 1).await;
    // The actor behind them panics when it reads this, with messages behind that it never reads.
    store.put("app", Row::UNSPEAKABLE, 1);
    let (late, late_sight) = Recorder::prompt();
    let begun: Vec<_> = (0..20)
        .map(|n| watches.send(Watch::new(row(&format!("b{n}")), late.clone())))
        .collect();
    for begun in futures_util::future::join_all(begun).await {
        begun.unwrap().unwrap();
    }
    until("each is told", || late_sight.count() == 20).await;
    gate.add_permits(9);
    store.put("app", "a", 2);
    until("the change arrives", || a.shows(2) && slow_sight.shows(2)).await;
    assert_eq!((a.count(), slow_sight.count()), (2, 2));
    store.delete("app", Row::UNSPEAKABLE);
    for n in 0..20 {
        store.put("app", &format!("b{n}"), 1);
    }
    until("and theirs", || late_sight.count() == 40).await;
    watches.stop(Stop::all()).await;
    assert_eq!(store.open(), 0);
}

#[actix::test]
async fn one_that_panics_harms_no_other() {
    let store = Store::new();
    for key in ["a", "b", "c"] {
        store.put("app", key, 1);
    }
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    // Its query, its view and its handler.
    store.mode("app/gone", Mode::Panic);
    let (other, gone) = Recorder::prompt();
    watch(&watches, &row("gone"), &other).await;
    let (viewing, viewed) = Recorder::prompt();
    let view = View::default().only(|_| panic!("the view panics, as the test wants it"));
    watches
        .send(Watch::new(row("b"), viewing.clone()).view(view))
        .await
        .unwrap()
        .unwrap();
    let (panicking, seen) = Recorder::with(Habit::PanicsAt(2));
    watch(&watches, &Part::beneath("app", ""), &panicking).await;
    until("they have begun", || {
        seen.count() == 1 && !store.asked("app/gone").is_empty()
    })
    .await;
    store.put("app", "a", 2);
    store.put("app", "b", 2);
    until("the change arrives", || a.shows(2)).await;
    pass(5).await;
    assert_eq!((a.count(), gone.count()), (2, 0));
    assert_eq!(status(&watches, &row("a")).await.restarts, 0);
    assert!(viewed.count() <= 1);
    store.mode("app/gone", Mode::Honest);
    until("it is answered", || gone.count() == 1).await;
}

#[actix::test]
async fn feeds_are_as_of_any_other() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = rooted(&store);
    let snapshots: Snapshots = watches
        .send(consul_watch_actors::GetSnapshots)
        .await
        .unwrap();
    let recorders: Vec<_> = (0..4).map(|_| Recorder::prompt()).collect();
    let part = |n: usize| Watch::new(row("a"), recorders[n].0.clone());
    let seen = part(0).skip_first_when(|rows| rows.to_map().get("a") == Some(&1));
    let unseen = part(1).skip_first_when(|rows| rows.to_map().get("a") == Some(&7));
    let odd = part(2).only(|change| change.item().value % 2 == 1);
    let quiet = part(3).quiet(Duration::from_secs(10));
    for watch in [seen, unseen, odd, quiet] {
        watches.send(watch).await.unwrap().unwrap();
    }
    until("the first state arrives", || recorders[3].1.count() == 1).await;
    for value in 2..=5 {
        let index = store.put("app", "a", value);
        until("it is read", || {
            snapshots.get(&row("a")).unwrap().to_map()["a"] == value
        })
        .await;
        assert_eq!(snapshots.status(&row("a")).unwrap().index, index);
        pass(1).await;
    }
    assert_eq!(recorders[3].1.count(), 1, "it is not quiet yet");
    pass(10).await;
    let told: Vec<_> = recorders.iter().map(|(_, sight)| sight.values()).collect();
    let values = |values: &[u64]| values.iter().copied().map(Some).collect::<Vec<_>>();
    assert_eq!(told[0], values(&[2, 3, 4, 5]));
    assert_eq!(told[1], values(&[1, 2, 3, 4, 5]));
    assert_eq!(told[2], values(&[1, 3, 5]));
    assert_eq!(told[3], values(&[1, 5]));
    assert_eq!(recorders[3].1.last().unwrap().coalesced, 3);
}

#[actix::test]
async fn subscribers_that_leave_take_their_watch_and_the_last_one_the_wider_one_along() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = rooted(&store);
    let (_, a, _) = follow(&watches, &row("a")).await;
    let (_, b, _) = follow(&watches, &row("b")).await;
    a.do_send(Leave);
    pass(2).await;
    assert_eq!(status(&watches, &row("a")).await.subscribers, 0);
    let (_, a, sight) = follow(&watches, &row("a")).await;
    pass(10).await;
    store.put("app", "a", 2);
    until("it did not end with the one before", || sight.shows(2)).await;
    a.do_send(Leave);
    pass(5).await;
    assert!(
        watches
            .send(Status::query(&row("a")))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.open(), 1);
    b.do_send(Leave);
    pass(5).await;
    assert!(watches.send(Status::all()).await.unwrap().is_empty());
    assert_eq!(store.open(), 0);
}

#[actix::test]
async fn nothing_is_left_of_what_has_ended() {
    let store = Store::new();
    store.put("app", "a", 1);
    let before = store.handles();
    let watches = rooted(&store);
    let running = store.handles();
    for round in 0..20 {
        let (_, _a, _) = follow(&watches, &row("a")).await;
        let (_, _b, _) = follow(&watches, &Part::beneath("app", "a")).await;
        match round % 3 {
            0 => drop(watches.stop(Stop::all()).await),
            1 => {
                store.mode("app", Mode::Fail(FailureClass::Denied));
                until("they ask by themselves", || store.held() == 2).await;
                watches.stop(Stop::all()).await;
                store.mode("app", Mode::Honest);
            }
            _ => drop(watches.stop(Stop::paths(["app/a", "app/a*"])).await),
        }
        until_as_before(&store, running).await;
    }
    let (_, _a, _) = follow(&watches, &row("a")).await;
    drop(watches);
    until_as_before(&store, before).await;
}

#[actix::test]
async fn the_wider_one_is_begun_again_for_those_it_serves() {
    let store = Store::new();
    store.put("app", "a", 1);
    tokio::time::pause();
    let watches = supervisor(&store).arbiters(0).start();
    let (folder, folder_sight) = Recorder::prompt();
    watches.watch("app", folder).await;
    until("it is running", || folder_sight.count() == 1).await;
    let (_, _a, a) = follow(&watches, &row("a")).await;
    for value in 2..20 {
        watches.stop(Stop::path("app")).await;
        store.put("app", "a", value);
        until("the change arrives", || a.shows(value)).await;
    }
    let values: Vec<_> = (1..20).map(Some).collect();
    assert_eq!(
        (a.values(), store.asked("app/a").len(), folder_sight.count()),
        (values, 0, 1)
    );
    assert_eq!(watches.status("app").await.unwrap().subscribers, 1);
}

#[actix::test]
async fn one_that_serves_others_is_not_served_itself() {
    let store = Store::new();
    store.put("app", "aa", 1);
    tokio::time::pause();
    let wide = Part::beneath("app", "a");
    let watches = supervisor(&store)
        .arbiters(0)
        .shared_root(wide.clone())
        .shared_root(Folder::new("app"))
        .start();
    let (_, _aa, _aa_sight) = follow(&watches, &row("aa")).await;
    let (_, _b, _) = follow(&watches, &row("b")).await;
    until("both roots wait", || store.held() == 2).await;
    store.mode("app/a*", Mode::Fail(FailureClass::Transient));
    until_state(&watches, &row("aa"), "retrying").await;
    assert!(status(&watches, &row("b")).await.state.is_live());
    store.mode("app/a*", Mode::Honest);
    until_state(&watches, &row("aa"), "live").await;
    // Stopped while it serves, it is begun again as it was.
    watches.stop(Stop::query(&wide)).await;
    until("it waits again", || {
        store.asked("app/a*").len() >= 4 && store.held() == 2
    })
    .await;
    assert_eq!(wide.path().to_string(), "part:app/a*");
}

#[actix::test]
async fn a_state_that_comes_between_is_told_once() {
    let store = Store::new();
    store.put("app", "a", 1);
    store.put("app", "b", 1);
    let watches = rooted(&store);
    let (_, _a, _) = follow(&watches, &row("a")).await;
    let (observer, events) = Events::start_new();
    watches
        .send(Observe::path("part:app/b", observer))
        .await
        .unwrap();
    until("the root waits", || store.held() == 1).await;
    // The root fails while its last value is on its way to the new one.
    let (subscriber, sight) = Recorder::prompt();
    watches.do_send(Watch::new(row("b"), subscriber));
    store.mode("app", Mode::Fail(FailureClass::Transient));
    until("it is told what is known", || sight.count() == 1).await;
    until_state(&watches, &row("b"), "retrying").await;
    store.mode("app", Mode::Honest);
    until_state(&watches, &row("b"), "live").await;
    pass(1).await;
    let names = events.names();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    assert_eq!((names[0], names.last()), ("connecting", Some(&"live")));
    assert!(names.contains(&"retrying"), "{names:?}");
}

/// In real time, on arbiters of their own, with a query of its own on its way.
#[actix::test]
async fn the_reply_to_a_stop_comes_after_the_request_is_closed_on_other_threads_either() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = supervisor(&store)
        .arbiters(2)
        .shared_root(Folder::new("app"))
        .start();
    let (_, _a, _) = follow(&watches, &row("a")).await;
    store.mode("app/b", Mode::Silent);
    let (subscriber, sight) = Recorder::prompt();
    for round in 0..100 {
        watch(&watches, &row("b"), &subscriber).await;
        until("it asks by itself", || store.open() == 2).await;
        if round % 3 == 2 {
            store.mode("app", Mode::Fail(FailureClass::Denied));
            watches.stop(Stop::query(&row("b"))).await;
            store.mode("app", Mode::Honest);
            assert!(store.open() <= 1, "in round {round}");
            watches.stop(Stop::all()).await;
            assert_eq!(store.open(), 0, "in round {round}");
            let (_, _again, _) = follow(&watches, &row("a")).await;
            until("the root waits", || store.held() == 1).await;
        } else {
            watches.stop(Stop::query(&row("b"))).await;
            assert_eq!(store.open(), 1, "in round {round}");
        }
    }
    assert_eq!(sight.count(), 0);
}
