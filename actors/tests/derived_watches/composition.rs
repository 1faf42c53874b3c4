//! Derived watches of derived ones, of polling inputs, and of many.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::prelude::*;
use consul_watch_actors::{
    Changed, ConnectionBudget, FailureClass, Observe, Ready, ReadyError, Reset, Stop, Watch,
    WatchEvent,
};

use crate::common::{
    Events, Folder, Merged, Mode, Recorder, Store, SupervisorExt, pass, paused, until,
};
use crate::{begin, shows, status, watched};

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
    let (_, received, _) = begin(&watches, &top).await;
    until("it begins", || {
        shows(&received, [("w.a", 1), ("x.a", 1), ("y.a", 1), ("z.a", 1)])
    })
    .await;
    assert_eq!(received.count(), 1);
    store.put("w", "a", 2);
    until("a change comes up", || {
        shows(&received, [("w.a", 2), ("x.a", 1), ("y.a", 1), ("z.a", 1)])
    })
    .await;
    pass(5).await;
    assert_eq!(received.count(), 2);
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
    let (_, received, _) = begin(&watches, &top).await;
    until("it begins", || shows(&received, [("x.a", 1)])).await;
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
async fn a_polling_input_makes_it_poll() {
    let store = Store::new();
    let budget = ConnectionBudget::new(1).with_short_permits(1);
    let watches = paused(&store.clone().with_connection_budget(&budget));
    let both = Merged::of("both", ["x", "y"]);
    let (_, received, _) = begin(&watches, &both).await;
    until("it begins", || received.count() == 1).await;
    pass(1).await;
    assert_eq!(
        status(&watches, &both).await.unwrap().state.name(),
        "polling"
    );
    store.put("x", "a", 1);
    store.put("y", "a", 1);
    pass(13).await;
    assert!(shows(&received, [("x.a", 1), ("y.a", 1)]));
    watches.stop(Stop::all()).await;
    assert_eq!((budget.available(), store.open()), (1, 0));
}

#[actix::test]
async fn five_hundred_inputs_do_not_derive_five_hundred_times() {
    let store = Store::new();
    let folders: Vec<_> = (0..500).map(|n| format!("folder{n}")).collect();
    for folder in &folders {
        store.put(folder, "a", 1);
    }
    let watches = paused(&store);
    let many = Merged::of("many", &folders);
    let (_, received, _) = begin(&watches, &many).await;
    until("it begins", || {
        received.last().is_some_and(|seen| seen.rows.len() == 500)
    })
    .await;
    assert_eq!(received.count(), 1);
    let (inputs, derived) = (many.count.inputs(), many.count.derived());
    assert!(
        inputs < 50 && derived < 50,
        "asked {inputs} times for inputs, {derived} times for a value"
    );
    for folder in &folders {
        store.put(folder, "a", 2);
    }
    until("all is new", || {
        received
            .last()
            .is_some_and(|seen| seen.rows.values().all(|value| *value == 2))
    })
    .await;
    assert!(many.count.derived() - derived < 50);
}

#[actix::test]
async fn a_dropped_input_that_others_watch_has_no_effect() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let (other, other_received) = Recorder::prompt();
    watches.watch("x", other).await;
    let listed = Merged::of("listed", [""; 0]).listed_in("list");
    let (_, received, _) = begin(&watches, &listed).await;
    let (observer, events) = Events::start_new();
    watches
        .send(Observe::path("listed", observer))
        .await
        .unwrap();
    for _ in 0..20 {
        store.put("list", "x", 1);
        until("it follows x", || shows(&received, [("x.a", 1)])).await;
        store.delete("list", "x");
        until("it lets x go", || shows(&received, [])).await;
    }
    pass(5).await;
    store.mode("x", Mode::Fail(FailureClass::Transient));
    pass(5).await;
    assert!(status(&watches, &listed).await.unwrap().state.is_live());
    assert!(!events.names().contains(&"retrying"));
    assert_eq!(watches.status("x").await.unwrap().subscribers, 1);
    assert_eq!(other_received.count(), 1);
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
async fn an_observer_gets_no_event_after_its_subscription_ends() {
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
    let (_, received, _) = begin(&watches, &both).await;
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
    until("it is delivered", || received.count() == 1).await;
    watches.send(Ready::query(&both)).await.unwrap().unwrap();
    assert!(
        start.elapsed() < Duration::from_millis(200),
        "it took {:?}",
        start.elapsed()
    );
}
