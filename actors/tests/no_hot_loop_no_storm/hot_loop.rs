//! A source is queried at a bounded rate, however it misbehaves.

use crate::common::{Mode, Recorder, Store, SupervisorExt, pass, paused, until};
use consul_watch_actors::{Cursor, FailureClass};
use std::time::Duration;

#[actix::test]
async fn a_source_that_always_answers_at_once_is_asked_ever_more_slowly() {
    for (what, mode, warm_up, most) in [
        ("the same value", Mode::Impatient, 60, 2),
        (
            "a value that cannot be read",
            Mode::Reject("no", true),
            60,
            2,
        ),
        ("an error", Mode::Fail(FailureClass::Transient), 60, 8),
        ("a panic", Mode::Panic, 60, 8),
    ] {
        let store = Store::new();
        store.put("app", "a", 1);
        store.mode("app", mode);
        if what == "the same value" {
            tokio::time::pause();
        }
        let watches = actix::Actor::start(crate::common::supervisor(&store).arbiters(0));
        let (subscriber, _) = Recorder::prompt();
        watches.watch("app", subscriber).await;
        pass(warm_up).await;
        let asked = store.asked("app").len();
        let first: usize = store
            .asked("app")
            .iter()
            .filter(|query| (query.at - store.asked("app")[0].at).as_millis() < 1000)
            .count();
        assert!(first <= 110, "{what}: {first} queries in the first second");
        pass(60).await;
        let per_minute = store.asked("app").len() - asked;
        assert!(
            per_minute <= 60 * most,
            "{what}: {per_minute} queries a minute"
        );
        assert!(
            per_minute >= 10,
            "{what}: but it is asked, {per_minute} times a minute"
        );
        watches.stop(consul_watch_actors::Stop::all()).await;
        assert_eq!(store.open(), 0);
    }
}

#[actix::test]
async fn a_source_that_always_repeats_its_index_is_asked_afresh_once_in_a_hold() {
    let hold = Duration::from_secs(300);
    let store = Store::new().with_hold(hold);
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    store.mode("app", Mode::Repeating);
    store.put("app", "a", 2);
    until("the next state arrives", || received.shows(2)).await;
    let from_start = || {
        let asked = store.asked("app");
        let from_start = asked.iter().filter(|query| query.cursor == Cursor::Start);
        from_start.count()
    };
    pass(60).await;
    assert_eq!(
        from_start(),
        2,
        "the first query, and the first repeated index"
    );
    pass(600).await;
    assert_eq!(from_start(), 4);
}

#[actix::test]
async fn news_is_fetched_without_delay_after_all() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    for round in 2..50 {
        pass(10).await;
        let start = tokio::time::Instant::now();
        store.put("app", "a", round);
        until("the change arrives", || received.shows(round)).await;
        assert!(
            start.elapsed().as_millis() <= 2,
            "it took {:?}",
            start.elapsed()
        );
    }
}
