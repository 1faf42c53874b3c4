//! Ready, Observe, rejected values and snapshots: how a watch stands can be seen from everywhere.

mod common;

use common::{
    Events, Folder, Merged, Mode, Part, Recorder, Store, SupervisorExt, pass, paused, supervisor,
    until,
};
use consul_watch_actors::{
    EventKind, FailureClass, GetSnapshots, Observe, Query, Ready, ReadyError, Reset, Selection,
    Status, Stop, Watch,
};

#[actix::test]
async fn ready_waits_for_the_first_answer_of_each() {
    let store = Store::new();
    for folder in ["one", "two"] {
        store.mode(folder, Mode::Silent);
    }
    let watches = paused(&store);
    let (subscriber, _) = Recorder::prompt();
    watches.watch("one", subscriber.clone()).await;
    watches.watch("two", subscriber).await;
    let ready = watches.send(Ready::all());
    let waiting = actix::spawn(ready);
    store.mode("one", Mode::Honest);
    watches.ready("one").await;
    pass(60).await;
    assert!(!waiting.is_finished(), "the other one has no answer yet");
    store.mode("two", Mode::Fail(FailureClass::Transient));
    pass(60).await;
    assert!(!waiting.is_finished(), "a failure is no answer");
    store.mode("two", Mode::Honest);
    waiting.await.unwrap().unwrap().unwrap();
    let unknown = watches.send(Ready::path("nowhere")).await.unwrap();
    assert!(
        matches!(&unknown, Err(ReadyError::NotWatched(path)) if path == "nowhere"),
        "not {unknown:?}"
    );
}

#[actix::test]
async fn ready_is_answered_when_the_watch_is_stopped_first() {
    let store = Store::new();
    store.mode("app", Mode::Silent);
    let watches = paused(&store);
    let (subscriber, _) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    let waiting = actix::spawn(watches.send(Ready::path("app")));
    pass(1).await;
    watches.stop(Stop::path("app")).await;
    match waiting.await.unwrap().unwrap() {
        Err(ReadyError::Stopped(path)) => assert_eq!(path, "folder:app", "by its name"),
        other => panic!("it should say that the watch was stopped, not {other:?}"),
    }
}

#[actix::test]
async fn an_observer_is_told_how_things_stand_and_every_change_of_it() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    let id = watches.watch("app", subscriber.clone()).await;
    watches.ready("app").await;
    let selections = [
        Selection::All,
        Selection::path("app"),
        Selection::query(&Folder::new("app")),
        Selection::Subscription(id),
    ];
    let mut all = Vec::new();
    for selection in selections {
        let (observer, events) = Events::start_new();
        watches
            .send(Observe::selected(selection, observer))
            .await
            .unwrap();
        all.push(events);
    }
    watches.watch("other", subscriber).await;
    store.mode("app", Mode::Fail(FailureClass::Transient));
    pass(10).await;
    store.mode("app", Mode::Honest);
    pass(10).await;
    watches.send(Reset::new()).await.unwrap().unwrap();
    pass(10).await;
    watches.stop(Stop::path("app")).await;
    pass(1).await;
    for events in &all {
        let of_app: Vec<_> = events
            .all()
            .into_iter()
            .filter(|event| event.path == common::path("app"))
            .collect();
        let names: Vec<_> = of_app
            .iter()
            .map(|event| match &event.kind {
                EventKind::State(state) => state.name(),
                EventKind::Ended => "ended",
                other => panic!("{other:?} did not happen"),
            })
            .collect();
        assert_eq!(
            names,
            ["live", "retrying", "live", "connecting", "live", "ended"]
        );
    }
    let of_others = all[0].all().len() - 6;
    assert_eq!(
        of_others, 4,
        "the later watch too: connecting, live, and both again for the reset"
    );
    assert!(
        all[1..].iter().all(|events| events.all().len() == 6),
        "only of what was selected"
    );
    assert_eq!(received.count(), 2);
}

#[actix::test]
async fn an_observer_of_one_watch_comes_and_goes_with_it() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, _) = Recorder::prompt();
    let (observer, events) = Events::start_new();
    for _ in 0..3 {
        let watch = Watch::new(Folder::new("app"), subscriber.clone()).observer(observer.clone());
        watches.send(watch).await.unwrap().unwrap();
        let again = Watch::new(Folder::new("app"), subscriber.clone()).observer(observer.clone());
        watches.send(again).await.unwrap().unwrap_err();
        watches.ready("app").await;
        watches.stop(Stop::all()).await;
        pass(5).await;
    }
    assert_eq!(
        events.names(),
        ["connecting", "live", "ended"].repeat(3),
        "each is notified once"
    );
}

#[actix::test]
async fn an_observer_that_lags_misses_the_oldest_and_is_told_how_many() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    let (observer, events, gate) = Events::start_gated();
    let (good, good_events) = Events::start_new();
    watches.send(Observe::all(observer)).await.unwrap();
    watches.send(Observe::all(good)).await.unwrap();
    until("it is at work", || events.all().len() == 1).await;
    // Two states a reset: connecting and live.
    for _ in 0..1000 {
        watches.send(Reset::new()).await.unwrap().unwrap();
        watches
            .until_status("app", "live", |status| status.state.is_live())
            .await;
    }
    pass(1).await;
    let told = good_events.all().len();
    assert!(told >= 2000, "the other observer receives all: {told}");
    gate.add_permits(10_000);
    until("it catches up", || events.all().len() > 1024).await;
    pass(1).await;
    let seen = events.all();
    assert_eq!(seen.len(), 1025, "what waits is bounded");
    let missed: u64 = seen.iter().map(|event| event.missed).sum();
    assert_eq!(
        seen.len() as u64 + missed,
        told as u64,
        "and what was missed is counted"
    );
    assert_eq!(
        *events.names().last().unwrap(),
        "live",
        "the newest is kept"
    );
    assert_eq!(received.count(), 1);
}

#[actix::test]
async fn a_value_that_cannot_be_read_is_told_once_and_the_last_good_one_stays() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (observer, events) = Events::start_new();
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    watches.send(Observe::all(observer)).await.unwrap();
    store.put("app", "a", 2);
    store.mode("app", Mode::Reject("no such encoding", false));
    for value in 3..10 {
        pass(2).await;
        store.put("app", "a", value);
    }
    pass(2).await;
    store.mode("app", Mode::Reject("no such colour", false));
    store.put("app", "a", 11);
    pass(2).await;
    let late = {
        let (late, received) = Recorder::prompt();
        watches.watch("app", late).await;
        received
    };
    until("a late one gets the last good value", || late.count() == 1).await;
    // The first write may still have been seen as it was.
    let good = received.count();
    assert!(received.values().iter().all(|value| *value <= Some(2)));
    assert_eq!(events.names(), ["live", "rejected", "rejected"]);
    store.mode("app", Mode::Honest);
    store.put("app", "a", 12);
    until("the next good value arrives", || received.shows(12)).await;
    assert_eq!(received.count(), good + 1);
    assert_eq!(
        events.names(),
        ["live", "rejected", "rejected", "live"],
        "and that it can be read again"
    );
}

#[actix::test]
async fn a_rejection_shows_in_the_status_and_to_late_observers_until_it_is_over() {
    let store = Store::new();
    store.put("app", "a", 1);
    store.put("merged", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber.clone()).await;
    let merged = Merged::of("both", ["app", "merged"]);
    let (of_merged, _) = Recorder::prompt();
    let watch = Watch::new(merged.clone(), of_merged);
    watches.send(watch).await.unwrap().unwrap();
    watches.send(Ready::all()).await.unwrap().unwrap();
    assert!(
        watches
            .send(Status::all())
            .await
            .unwrap()
            .iter()
            .all(|status| status.rejection.is_none())
    );
    for mode in [
        Mode::Reject("no such encoding", false),
        Mode::Reject("no such colour", false),
    ] {
        let Mode::Reject(why, _) = mode else {
            unreachable!("both reject")
        };
        store.mode("app", mode);
        store.put("app", "a", 2);
        pass(5).await;
        for status in [Status::query(&Folder::new("app")), Status::query(&merged)] {
            let status = watches.send(status).await.unwrap().remove(0);
            assert_eq!(status.rejection.as_ref().unwrap().to_string(), why);
            assert!(status.to_string().ends_with(why), "{status}");
            assert!(status.state.is_live());
        }
        let (late, events) = Events::start_new();
        watches.send(Observe::path("app", late)).await.unwrap();
        until("it is sent the rejection", || {
            events.names() == ["live", "rejected"]
        })
        .await;
    }
    watches.ready("app").await;
    // The same value as before: there is nothing to deliver, but the rejection is over.
    store.mode("app", Mode::Honest);
    store.put("app", "a", 1);
    pass(5).await;
    for status in watches.send(Status::all()).await.unwrap() {
        assert!(status.rejection.is_none(), "{status}");
    }
    assert_eq!(received.count(), 1);
}

#[actix::test]
async fn ready_answers_with_the_reason_when_the_first_value_is_rejected() {
    tokio::time::pause();
    for shared in [false, true] {
        let store = Store::new();
        store.put("app", "a", 1);
        let mut supervisor = supervisor(&store).arbiters(0);
        if shared {
            supervisor = supervisor.shared_root(Folder::new("app"));
        }
        store.mode("app", Mode::Reject("no such encoding", false));
        let watches = supervisor.start();
        let (subscriber, received) = Recorder::prompt();
        let (name, watch) = if shared {
            let part = Part::row("app", "a");
            let name = part.path().to_string();
            watches
                .send(Watch::new(part, subscriber))
                .await
                .unwrap()
                .unwrap();
            (name, Selection::path("app/a"))
        } else {
            watches.watch("app", subscriber).await;
            ("folder:app".to_owned(), Selection::path("app"))
        };
        // Before it is rejected and afterwards.
        for _ in 0..2 {
            match watches.send(Ready::selected(watch.clone())).await.unwrap() {
                Err(ReadyError::Rejected { path, reason }) => assert_eq!(
                    (path, reason.to_string().as_str()),
                    (name.clone(), "no such encoding")
                ),
                other => panic!("it should give the reason, not {other:?}"),
            }
        }
        store.mode("app", Mode::Honest);
        store.put("app", "a", 1);
        until("the first good value arrives", || received.shows(1)).await;
        watches.send(Ready::all()).await.unwrap().unwrap();
    }
}

#[actix::test]
async fn snapshots_are_read_from_any_thread() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = supervisor(&store).arbiters(2).start();
    let snapshots = watches.send(GetSnapshots).await.unwrap();
    assert!(
        snapshots.get(&Folder::new("app")).is_none(),
        "not watched yet"
    );
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    watches.ready("app").await;
    let reader = std::thread::spawn({
        let snapshots = snapshots.clone();
        move || {
            let value = snapshots.get(&Folder::new("app"))?.to_map();
            Some((
                value,
                snapshots.status(&Folder::new("app"))?.state.is_live(),
            ))
        }
    });
    let (value, live) = reader.join().unwrap().unwrap();
    assert_eq!((value["a"], live), (1, true));
    for value in 2..50 {
        store.put("app", "a", value);
        until("the change arrives", || received.shows(value)).await;
        assert_eq!(
            snapshots.get(&Folder::new("app")).unwrap().to_map()["a"],
            value,
            "never older than delivered"
        );
    }
    watches.stop(Stop::all()).await;
    assert!(
        snapshots.get(&Folder::new("app")).is_none(),
        "gone with its watch"
    );
    assert!(snapshots.status(&Folder::new("app")).is_none());
}

#[actix::test]
async fn status_is_sorted_and_counts() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, _) = Recorder::prompt();
    for folder in ["c", "a", "b"] {
        watches.watch(folder, subscriber.clone()).await;
    }
    watches.send(Ready::all()).await.unwrap().unwrap();
    let index = store.put("a", "a", 1);
    watches
        .until_status("a", "at the new index", |status| status.index == index)
        .await;
    let all = watches.send(Status::all()).await.unwrap();
    let names: Vec<_> = all.iter().map(|status| status.path.name()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(
        all.iter()
            .all(|status| status.subscribers == 1 && status.restarts == 0)
    );
    assert!(all.iter().all(|status| status.last_answer.is_some()));
    assert_eq!(
        watches.send(Status::path("nowhere")).await.unwrap().len(),
        0
    );
}
