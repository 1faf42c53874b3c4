//! When the last address of the supervisor is dropped, its watches end with it.

mod common;

use std::time::Duration;

use common::{
    Events, Folder, Logs, Mode, Recorder, Store, SupervisorExt, pass, paused, supervisor, until,
};
use consul_watch_actors::{
    FailureClass, GetSnapshots, Observe, Ready, ReadyError, Reset, Stop, Watch,
};

#[actix::test]
async fn dropping_the_last_address_ends_every_request() {
    let store = Store::new();
    store.mode("broken", Mode::Fail(FailureClass::Transient));
    store.mode("panics", Mode::Panic);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    for n in 0..40 {
        watches
            .watch(&format!("folder{n}"), subscriber.clone())
            .await;
    }
    for folder in ["broken", "panics"] {
        watches.watch(folder, subscriber.clone()).await;
    }
    until("all wait", || store.open() == 40 && received.count() == 40).await;
    let second = watches.clone();
    drop(watches);
    pass(5).await;
    assert_eq!(store.open(), 40, "somebody still holds it");
    drop(second);
    until("every request is closed", || store.open() == 0).await;
    let asked = (store.asked("broken").len(), store.asked("panics").len());
    store.put("folder1", "a", 1);
    pass(60).await;
    assert_eq!(
        (store.asked("broken").len(), store.asked("panics").len()),
        asked
    );
    assert_eq!(received.count(), 40);
    let weak = subscriber.downgrade();
    drop(subscriber);
    pass(1).await;
    assert!(
        weak.upgrade().is_none_or(|address| !address.connected()),
        "its subscribers are let go"
    );
}

#[actix::test]
async fn its_observers_its_snapshots_and_the_log_say_so() {
    let logs = Logs::capture();
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let snapshots = watches.send(GetSnapshots).await.unwrap();
    let (observer, events) = Events::start_new();
    let (own, own_events) = Events::start_new();
    let (busy, busy_events, gate) = Events::start_gated();
    watches.send(Observe::all(observer)).await.unwrap();
    watches.send(Observe::all(busy)).await.unwrap();
    let (subscriber, received) = Recorder::prompt();
    for folder in ["app", "other"] {
        let watch = Watch::new(Folder::new(folder), subscriber.clone()).observer(own.clone());
        watches.send(watch).await.unwrap().unwrap();
    }
    until("both are live", || received.count() == 2).await;
    assert!(snapshots.get(&Folder::new("app")).is_some());
    drop(watches);
    until("the watches have ended", || store.open() == 0).await;
    assert!(snapshots.get(&Folder::new("app")).is_none());
    assert!(snapshots.status(&Folder::new("other")).is_none());
    for events in [&events, &own_events] {
        until("both ends are reported", || {
            let ended = events
                .names()
                .iter()
                .filter(|name| **name == "ended")
                .count();
            ended == 2
        })
        .await;
    }
    assert_eq!(logs.warnings("the last address").len(), 1);
    // One that is busy for a moment misses nothing.
    pass(2).await;
    gate.add_permits(100);
    until("it has caught up", || {
        busy_events.names().len() == events.names().len()
    })
    .await;
    assert_eq!(busy_events.names()[4..], ["ended", "ended"]);
}

#[actix::test]
async fn an_observer_that_is_never_ready_does_not_keep_it() {
    let store = Store::new();
    let watches = paused(&store);
    let (busy, events, _gate) = Events::start_gated();
    watches.send(Observe::all(busy)).await.unwrap();
    let (subscriber, _) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    let weak = watches.downgrade();
    drop(watches);
    pass(60).await;
    assert_eq!(events.names(), ["connecting"]);
    assert!(weak.upgrade().is_none_or(|address| !address.connected()));
}

#[actix::test]
async fn on_other_threads_too() {
    let store = Store::new();
    let watches = supervisor(&store).arbiters(2).start();
    let (subscriber, received) = Recorder::prompt();
    for n in 0..40 {
        watches
            .watch(&format!("folder{n}"), subscriber.clone())
            .await;
    }
    until("all wait", || store.open() == 40 && received.count() == 40).await;
    drop(watches);
    until("every request is closed", || store.open() == 0).await;
}

#[actix::test]
async fn who_waits_for_it_is_answered() {
    let store = Store::new();
    store.mode("app", Mode::Silent);
    let watches = paused(&store);
    let (subscriber, _) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    let waiting = actix::spawn(watches.send(Ready::all()));
    pass(1).await;
    drop(watches);
    let answer = waiting.await.unwrap().unwrap();
    assert!(
        matches!(answer, Err(ReadyError::Stopped(_))),
        "not {answer:?}"
    );
}

#[actix::test]
async fn a_stop_or_a_reset_right_before_the_end_is_answered() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, _) = Recorder::prompt();
    watches.watch("app", subscriber.clone()).await;
    watches.ready("app").await;
    let (reset, stop) = (watches.send(Reset::new()), watches.send(Stop::all()));
    drop(watches);
    let deadline = Duration::from_secs(10);
    assert_eq!(
        tokio::time::timeout(deadline, reset)
            .await
            .unwrap()
            .unwrap()
            .unwrap(),
        1
    );
    assert_eq!(
        tokio::time::timeout(deadline, stop)
            .await
            .unwrap()
            .unwrap()
            .subscriptions,
        1
    );
    assert_eq!(store.open(), 0);
}
