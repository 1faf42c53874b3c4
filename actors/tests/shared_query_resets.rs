//! Resets of a source whose queries are shared.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{
    Folder, Gate, Mode, Part, Recorder, Row, Store, SupervisorExt, pass,
    shared::{follow, rooted, rooted_on, row, store_of},
    supervisor, until,
};
use consul_watch_actors::{Change, Reason, Reset, Stop, Watch, WatchStatus};

#[actix::test]
async fn resets_repeat_nothing_and_close_confirming_queries() {
    let store = store_of(["a", "b"]);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _b, b) = follow(&watches, &row("b")).await;
    store.mode("app/a", Mode::Silent);
    store.delete("app", "a");
    until("it asks on its own", || store.open() == 2).await;
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
    let store = store_of(["a"]);
    store.put("app", "xa", 2);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _all, all) = follow(&watches, &Part::under("app", "")).await;
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
async fn a_watch_right_behind_a_reset_gets_nothing_of_the_source_before() {
    let store = store_of(["a"]);
    store.put("app", "xa", 2);
    let watches = rooted(&store.clone().with_prefix("x"));
    let (user, _) = Recorder::prompt();
    watches.watch("app", user).await;
    let (_, _a, a) = follow(&watches, &row("a")).await;
    store.set_latency(Duration::from_secs(1));
    let reset = watches.send(Reset::with(store.clone()));
    let (_, _all, all) = follow(&watches, &Part::under("app", "")).await;
    reset.await.unwrap().unwrap();
    until("both show all there is", || {
        a.shows(1) && all.last().unwrap().rows == store.rows("app")
    })
    .await;
    assert_eq!((a.count(), all.count()), (2, 1));
}

#[actix::test]
async fn members_follow_after_many_resets_at_once() {
    let store = store_of(["a"]);
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

/// On arbiters of their own, where the resets pile up.
#[actix::test]
async fn ten_thousand_resets_at_once_do_not_grow_the_stack() {
    let store = store_of(["a"]);
    store.put("app", "x.a", 7);
    let watches = rooted_on(1, &store);
    let (_, _a, received) = follow(&watches, &row("a")).await;
    for n in 0..10_000 {
        let prefix = if n % 2 == 0 { "x." } else { "" };
        watches.do_send(Reset::with(store.clone().with_prefix(prefix)));
    }
    let last = Reset::with(store.clone().with_prefix("x."));
    watches.send(last).await.unwrap().unwrap();
    until("the last configuration holds", || {
        received.last().unwrap().rows.get("x.a") == Some(&7)
    })
    .await;
}

/// More resets than a mailbox holds, and another one behind them when there is room in it again.
#[actix::test]
async fn no_reset_overtakes_another() {
    let store = Store::new();
    let watches = supervisor(&store).arbiters(1).start();
    let gate = Arc::new(Gate::default());
    let (user, received) = Recorder::prompt();
    let blocking = {
        let gate = Arc::clone(&gate);
        move |_: &Change<Row>| {
            gate.pass();
            true
        }
    };
    let watch = Watch::new(Folder::new("app"), user).only(blocking);
    watches.send(watch).await.unwrap().unwrap();
    watches.ready("app").await;
    // The watcher's thread stands still until the supervisor has come to the last one.
    store.put("app", "x.a", 7);
    let reset = |prefix| Reset::with(store.clone().with_prefix(prefix));
    for _ in 0..100 {
        watches.do_send(reset("none"));
    }
    let last = store.clone().with_prefix("x.").opening(&gate);
    watches.do_send(Reset::with(last));
    let all_done = |it: &WatchStatus| it.restarts == 101;
    watches
        .until_status("app", "all resets are done", all_done)
        .await;
    until("the last configuration holds", || {
        received
            .last()
            .is_some_and(|seen| seen.rows.keys().eq(["x.a"]))
    })
    .await;
}
