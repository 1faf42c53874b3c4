//! The latest state arrives after every failure: the watch retries after a pause, reports it once, and delivers only
//! real changes.

mod common;

use std::time::Duration;

use common::{Events, Logs, Mode, Recorder, Store, SupervisorExt, pass, paused, until};
use consul_watch_actors::{
    Cursor, EventKind, FailureClass, Observe, Ready, ReadyError, Reset, WatchState,
};

#[actix::test]
async fn it_recovers_and_delivers_only_real_changes() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    for (class, value) in [
        (FailureClass::Transient, 1),
        (FailureClass::Denied, 2),
        (FailureClass::LimitSuspected, 2),
    ] {
        store.mode("app", Mode::Fail(class));
        pass(60).await;
        let status = watches.status("app").await.unwrap();
        assert!(
            matches!(status.state, WatchState::Retrying { attempt: 2.., .. }),
            "not {}",
            status.state
        );
        assert_eq!(status.state.error().unwrap().class(), class);
        let last = store.asked("app").pop().unwrap();
        assert_eq!(
            last.cursor,
            Cursor::Start,
            "after a break it asks from the start"
        );
        store.put("app", "a", value);
        store.mode("app", Mode::Honest);
        watches
            .until_status("app", "live", |status| status.state.is_live())
            .await;
        pass(1).await;
    }
    assert_eq!(received.values(), [Some(1), Some(2)]);
}

#[actix::test]
async fn a_source_that_comes_late_is_waited_for_and_each_state_is_told_once() {
    let store = Store::new();
    store.mode("app", Mode::Fail(FailureClass::Transient));
    let watches = paused(&store);
    let (observer, events) = Events::start_new();
    watches.send(Observe::all(observer)).await.unwrap();
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    pass(600).await;
    assert!(store.asked("app").len() > 100, "it was tried");
    assert_eq!(
        events.names(),
        ["connecting", "retrying"],
        "not once an attempt"
    );
    store.mode("app", Mode::Fail(FailureClass::Denied));
    pass(60).await;
    assert_eq!(
        events.names(),
        ["connecting", "retrying", "retrying"],
        "another class is another state"
    );
    store.put("app", "a", 1);
    store.mode("app", Mode::Honest);
    until("the state arrives", || received.shows(1)).await;
    pass(60).await;
    assert_eq!(
        events.names(),
        ["connecting", "retrying", "retrying", "live"]
    );
    assert_eq!(received.count(), 1);
    let status = watches.status("app").await.unwrap();
    let failed = u64::try_from(store.asked("app").len()).unwrap() - 2;
    assert_eq!(status.restarts, failed, "each error was a restart");
}

#[actix::test]
async fn pauses_grow_to_the_ceiling_and_shrink_only_after_sustained_health() {
    let store = Store::new();
    store.mode("app", Mode::Fail(FailureClass::Transient));
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    // The ceiling is 500 ms, so that a pause is 250 ms on average.
    pass(100).await;
    let attempts = store.asked("app").len();
    assert!(
        (250..700).contains(&attempts),
        "{attempts} attempts in 100 seconds"
    );
    // A moment of health is none.
    store.mode("app", Mode::Honest);
    until("a moment of health", || received.count() == 1).await;
    store.mode("app", Mode::Fail(FailureClass::Transient));
    let failing = |attempt| move |status: &consul_watch_actors::WatchStatus| matches!(status.state, WatchState::Retrying { attempt: at, .. } if at >= attempt);
    watches
        .until_status("app", "retrying as before", failing(50))
        .await;
    store.mode("app", Mode::Honest);
    watches
        .until_status("app", "live", |status| status.state.is_live())
        .await;
    pass(60).await;
    store.mode("app", Mode::Fail(FailureClass::Transient));
    let status = watches.until_status("app", "retrying", failing(1)).await;
    let WatchState::Retrying { attempt, .. } = status.state else {
        unreachable!("it was just looked at")
    };
    assert!(
        attempt < 5,
        "a minute of health starts over, but it is attempt {attempt}"
    );
}

#[actix::test]
async fn a_pause_that_the_source_asks_for_is_kept_within_reason() {
    for (asked, least, most) in [
        (Duration::from_secs(30), 30, 32),
        (Duration::MAX, 3600, 3602),
        (Duration::ZERO, 0, 1),
    ] {
        let store = Store::new();
        store.mode("app", Mode::FailFor(asked));
        if least == 30 {
            tokio::time::pause();
        }
        let watches = actix::Actor::start(common::supervisor(&store).arbiters(0));
        let (subscriber, _) = Recorder::prompt();
        watches.watch("app", subscriber).await;
        tokio::time::sleep(Duration::from_secs(2 * most)).await;
        let times: Vec<_> = store
            .asked("app")
            .iter()
            .map(|asked| asked.at)
            .take(2)
            .collect();
        let pause = (times[1] - times[0]).as_secs();
        assert!(
            (least..=most).contains(&pause),
            "{asked:?} was asked for, and {pause} s it was"
        );
    }
}

#[actix::test]
async fn a_query_that_is_wrong_is_not_asked_again_until_a_reset_or_a_new_subscriber() {
    let store = Store::new();
    store.mode("app", Mode::Fail(FailureClass::Invalid));
    let watches = paused(&store);
    let (observer, events) = Events::start_new();
    watches.send(Observe::path("app", observer)).await.unwrap();
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    let failed = watches.send(Ready::path("app")).await.unwrap();
    assert!(
        matches!(failed, Err(ReadyError::Invalid { .. })),
        "not {failed:?}"
    );
    pass(600).await;
    assert_eq!(store.asked("app").len(), 1, "it would fail without end");
    assert_eq!(events.names(), ["connecting", "stopped"]);
    let again = watches.send(Ready::path("app")).await.unwrap();
    assert!(
        matches!(again, Err(ReadyError::Invalid { .. })),
        "not {again:?}"
    );

    let (other, other_received) = Recorder::prompt();
    watches.watch("app", other).await;
    until("the new subscriber has it asked again", || {
        store.asked("app").len() == 2
    })
    .await;
    watches
        .until_status("app", "stopped", |status| status.state.name() == "stopped")
        .await;

    store.mode("app", Mode::Honest);
    pass(60).await;
    assert_eq!(store.asked("app").len(), 2);
    watches.send(Reset::new()).await.unwrap().unwrap();
    until("the reset revives it", || {
        received.count() == 1 && other_received.count() == 1
    })
    .await;
    watches.ready("app").await;
    store.put("app", "a", 1);
    until("and it continues", || {
        received.shows(1) && other_received.shows(1)
    })
    .await;
    assert_eq!(
        events.names(),
        [
            "connecting",
            "stopped",
            "connecting",
            "stopped",
            "connecting",
            "live"
        ]
    );
}

#[actix::test]
async fn a_watch_that_turned_wrong_keeps_its_last_value_readable() {
    let store = Store::new();
    store.put("app", "a", 1);
    tokio::time::pause();
    let supervisor = common::supervisor(&store).arbiters(0);
    let snapshots = supervisor.snapshots();
    let watches = actix::Actor::start(supervisor);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    store.mode("app", Mode::Fail(FailureClass::Invalid));
    watches
        .until_status("app", "stopped", |status| status.state.name() == "stopped")
        .await;
    assert_eq!(
        snapshots.get(&common::Folder::new("app")).unwrap().to_map()["a"],
        1
    );
    assert_eq!(store.open(), 0);
}

#[actix::test]
async fn a_failure_whose_cause_changes_is_reported_again_at_a_bounded_rate() {
    let logs = Logs::capture();
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    let (observer, events) = Events::start_new();
    watches.send(Observe::all(observer)).await.unwrap();
    let causes = || -> Vec<String> {
        let events = events.all();
        let errors = events.iter().filter_map(|event| match &event.kind {
            EventKind::State(state) => Some(state.error()?.to_string()),
            _ => None,
        });
        errors.collect()
    };
    store.mode("app", Mode::Fail(FailureClass::Transient));
    pass(30).await;
    assert_eq!(causes(), ["it went wrong"]);
    store.mode("app", Mode::FailFor(Duration::from_millis(1)));
    pass(30).await;
    assert_eq!(causes(), ["it went wrong", "come back later"]);
    assert_eq!(logs.warnings("will be retried").len(), 2);
    // Both in turn, for an hour.
    for turn in 0..1800 {
        store.mode(
            "app",
            if turn % 2 == 0 {
                Mode::Fail(FailureClass::Transient)
            } else {
                Mode::FailFor(Duration::from_millis(1))
            },
        );
        pass(2).await;
    }
    assert_eq!(causes().len(), 2, "both were reported");
    let status = watches.status("app").await.unwrap();
    assert_eq!(status.state.error().unwrap().to_string(), "come back later");
}

#[actix::test]
async fn a_long_outage_is_logged_again_at_growing_intervals() {
    let logs = Logs::capture();
    let store = Store::new();
    store.mode("app", Mode::Fail(FailureClass::Transient));
    store.mode("panics", Mode::Panic);
    let watches = paused(&store);
    let (observer, events) = Events::start_new();
    watches.send(Observe::all(observer)).await.unwrap();
    let (subscriber, _) = Recorder::prompt();
    for folder in ["app", "panics"] {
        watches.watch(folder, subscriber.clone()).await;
    }
    pass(600).await;
    // After one, three and seven minutes.
    let again = logs.warnings("the watch is still interrupted");
    assert_eq!(again.len(), 3, "{again:?}");
    assert!(again[0].contains("error=it went wrong"), "{again:?}");
    assert_eq!(logs.warnings("the watcher still panics").len(), 3);
    let mut names = events.names();
    names.sort_unstable();
    assert_eq!(
        names,
        ["connecting", "connecting", "retrying", "retrying"],
        "observers know already"
    );
    assert_eq!(logs.warnings("").len(), 8, "{:?}", logs.warnings(""));
}
