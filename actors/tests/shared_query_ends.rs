//! The end of members, and of the wide watch that runs for them.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::sync::Arc;

use common::{
    Events, Folder, Mode, Part, Recorder, SupervisorExt,
    actors::{Leave, Occupy},
    pass,
    shared::{
        follow, rooted, rooted_on, row, status, store_of, until_as_before, until_state, watch,
    },
    supervisor, until,
};
use consul_watch_actors::{FailureClass, Observe, Query, Status, Stop, Watch};
use tokio::sync::Semaphore;

#[actix::test]
async fn a_stop_closes_every_request_and_nothing_comes_after_it() {
    let store = store_of(["a"]);
    let watches = rooted(&store);
    for selection in [Stop::all, || Stop::query(&row("a"))] {
        let (_, subscriber, received) = follow(&watches, &row("a")).await;
        store.mode("app/a", Mode::Silent);
        store.delete("app", "a");
        until("it asks on its own", || store.open() == 2).await;
        let gate = Arc::new(Semaphore::new(0));
        subscriber.do_send(Occupy(Arc::clone(&gate)));
        let stopped = watches.stop(selection()).await;
        assert_eq!((store.open(), stopped.not_watched.len()), (0, 0));
        store.mode("app/a", Mode::Honest);
        store.put("app", "a", 1);
        gate.add_permits(1);
        pass(60).await;
        assert_eq!((received.count(), store.open()), (1, 0));
    }
}

#[actix::test]
async fn a_watch_right_behind_a_stop_and_a_stop_right_behind_a_watch() {
    let store = store_of(["a"]);
    let watches = rooted(&store);
    let (subscriber, received) = Recorder::prompt();
    for round in 1..=20 {
        watch(&watches, &row("a"), &subscriber).await;
        until("the state arrives", || received.count() == 2 * round - 1).await;
        let stop = watches.send(Stop::all());
        let again = watches.send(Watch::new(row("a"), subscriber.clone()));
        let (stopped, id) = futures_util::future::join(stop, again).await;
        assert_eq!(
            (stopped.unwrap().subscriptions, id.unwrap().is_ok()),
            (1, true)
        );
        until("the new one gets the state", || {
            received.count() == 2 * round
        })
        .await;
        // And one that may not even have begun.
        watches.do_send(Watch::new(row("b"), subscriber.clone()));
        let stopped = watches.stop(Stop::all()).await;
        assert_eq!((stopped.ended.len(), store.open()), (3, 0), "round {round}");
    }
    pass(60).await;
    assert_eq!((received.count(), store.open()), (40, 0));
}

#[actix::test]
async fn the_last_member_ends_the_root() {
    let store = store_of(["a"]);
    let watches = rooted(&store);
    let (_, a, _) = follow(&watches, &row("a")).await;
    let (_, b, _) = follow(&watches, &row("b")).await;
    a.do_send(Leave);
    pass(2).await;
    assert_eq!(status(&watches, &row("a")).await.subscribers, 0);
    let (_, a, received) = follow(&watches, &row("a")).await;
    pass(10).await;
    store.put("app", "a", 2);
    until("it did not end with the one before", || received.shows(2)).await;
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
async fn nothing_is_left_of_ended_members() {
    let store = store_of(["a"]);
    let before = store.handles();
    let watches = rooted(&store);
    let running = store.handles();
    for round in 0..20 {
        let (_, _a, _) = follow(&watches, &row("a")).await;
        let (_, _b, _) = follow(&watches, &Part::under("app", "a")).await;
        match round % 3 {
            0 => drop(watches.stop(Stop::all()).await),
            1 => {
                store.mode("app", Mode::Fail(FailureClass::Denied));
                until("they ask on their own", || store.held() == 2).await;
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
async fn a_stopped_prefix_runs_on_for_its_members() {
    let store = store_of(["a"]);
    tokio::time::pause();
    let watches = supervisor(&store).arbiters(0).start();
    let (folder, folder_received) = Recorder::prompt();
    let (observer, events) = Events::start_new();
    watches.watch("app", folder).await;
    watches
        .send(Observe::path("folder:app", observer))
        .await
        .unwrap();
    until("it is running", || folder_received.count() == 1).await;
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let before = watches.status("app").await.unwrap();
    assert_eq!((before.subscribers, before.members), (1, 1));
    for round in 0..3_u64 {
        let stopped = watches.stop(Stop::path("app")).await;
        assert_eq!(stopped.subscriptions, usize::from(round == 0));
        assert_eq!(stopped.ended, []);
        assert_eq!(stopped.continue_for_members, [common::path("app")]);
        assert!(stopped.not_watched.is_empty());
        store.put("app", "a", round + 2);
        until("the change arrives", || a.shows(round + 2)).await;
    }
    let after = watches.status("app").await.unwrap();
    assert_eq!((after.subscribers, after.members), (0, 1));
    assert_eq!(
        (folder_received.count(), store.asked("app/a").len()),
        (1, 0)
    );
    assert!(!events.names().contains(&"ended"), "{:?}", events.names());
    // It ends with its last member.
    watches.stop(Stop::query(&row("a"))).await;
    assert!(watches.status("app").await.is_none());
    assert_eq!(store.open(), 0);
    until("its end is reported", || {
        events.names().last() == Some(&"ended")
    })
    .await;
}

#[actix::test]
async fn a_watch_that_serves_members_is_no_member() {
    let store = store_of(["aa"]);
    tokio::time::pause();
    let wide = Part::under("app", "a");
    let watches = supervisor(&store)
        .arbiters(0)
        .shared_root(wide.clone())
        .shared_root(Folder::new("app"))
        .start();
    let (_, _aa, _aa_received) = follow(&watches, &row("aa")).await;
    let (_, _b, _) = follow(&watches, &row("b")).await;
    until("both roots wait", || store.held() == 2).await;
    store.mode("app/a*", Mode::Fail(FailureClass::Transient));
    until_state(&watches, &row("aa"), "retrying").await;
    assert!(status(&watches, &row("b")).await.state.is_live());
    store.mode("app/a*", Mode::Honest);
    until_state(&watches, &row("aa"), "live").await;
    // Stopped while it serves, it runs on as it was.
    let stopped = watches.stop(Stop::query(&wide)).await;
    assert_eq!(stopped.continue_for_members, [wide.path()]);
    until("both wait", || store.held() == 2).await;
}

/// In real time, on arbiters of their own, with a query of its own on its way.
#[actix::test]
async fn stop_replies_after_the_request_is_closed_on_other_threads() {
    let store = store_of(["a"]);
    let watches = rooted_on(2, &store);
    let (_, _a, _) = follow(&watches, &row("a")).await;
    store.mode("app/b", Mode::Silent);
    let (subscriber, received) = Recorder::prompt();
    for round in 0..100 {
        watch(&watches, &row("b"), &subscriber).await;
        until("it asks on its own", || store.open() == 2).await;
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
    assert_eq!(received.count(), 0);
}
