//! Watches that stand still are started afresh on request, and no others.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::time::Duration;

use common::{
    Mode, Recorder, Store, SupervisorExt, pass, paused,
    shared::{follow, rooted, row, store_of, until_state},
    until,
};
use consul_watch_actors::{FailureClass, StartAfresh};

#[actix::test]
async fn what_waits_or_has_stopped_starts_at_once_and_what_is_live_continues() {
    let store = Store::new();
    let hour = Duration::from_secs(3600);
    let still = [
        ("paused", Mode::FailFor(hour)),
        ("wrong", Mode::Fail(FailureClass::BadRequest)),
        ("stopped", Mode::Fail(FailureClass::Invalid)),
        ("denied", Mode::Fail(FailureClass::Denied)),
    ];
    for folder in ["live", "paused", "wrong", "stopped", "denied"] {
        store.put(folder, "a", 1);
    }
    let watches = paused(&store);
    let (subscriber, live) = Recorder::prompt();
    let live_id = watches.watch("live", subscriber).await;
    until("it is live", || live.shows(1) && store.open() == 1).await;
    let mut waiting = Vec::new();
    for (folder, mode) in &still {
        store.mode(folder, mode.clone());
        let (subscriber, received) = Recorder::prompt();
        let id = watches.watch(folder, subscriber).await;
        until("it fails", || !store.asked(folder).is_empty()).await;
        watches
            .until_status(folder, "a failure", |status| status.state.error().is_some())
            .await;
        waiting.push((id, received));
    }
    // None of them is repaired before its time.
    for (folder, _) in &still {
        store.mode(folder, Mode::Honest);
    }
    let dropped = store.dropped();
    let ids: Vec<_> = waiting.iter().map(|(id, _)| *id).collect();
    assert_eq!(watches.send(StartAfresh).await.unwrap(), ids);
    until("each has its value", || {
        waiting.iter().all(|(_, received)| received.shows(1))
    })
    .await;
    assert!(!ids.contains(&live_id));
    assert_eq!((store.asked("live").len(), store.dropped()), (2, dropped));
    assert!(watches.send(StartAfresh).await.unwrap().is_empty());
    pass(5).await;
    assert_eq!((live.count(), store.asked("live").len()), (1, 2));
}

#[actix::test]
async fn members_start_with_the_query_that_they_share() {
    let store = store_of(["a", "b"]);
    let watches = rooted(&store);
    let (a_id, _a, a) = follow(&watches, &row("a")).await;
    let (b_id, _b, _) = follow(&watches, &row("b")).await;
    store.mode("app", Mode::FailFor(Duration::from_secs(3600)));
    store.put("app", "a", 2);
    until_state(&watches, &row("a"), "retrying").await;
    store.mode("app", Mode::Honest);
    assert_eq!(watches.send(StartAfresh).await.unwrap(), [a_id, b_id]);
    until("the change arrives", || a.count() == 2).await;
}
