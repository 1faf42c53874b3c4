//! A reset restarts every watcher; subscribers stay and get only real differences.

mod common;

use std::time::Duration;

use common::{Mode, Recorder, Store, SupervisorExt, pass, paused, until};
use consul_watch_actors::{Cursor, Reason, Reset, ResetError};

#[actix::test]
async fn without_a_difference_nothing_is_delivered() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("a query waits", || received.shows(1) && store.open() == 1).await;
    for round in 1..=10 {
        assert_eq!(watches.send(Reset::new()).await.unwrap().unwrap(), 1);
        assert_eq!(store.dropped(), round, "the old request is closed by now");
        until("the watch is live again", || {
            store.open() == 1
                && matches!(store.asked("app").last().unwrap().cursor, Cursor::Index(_))
        })
        .await;
        assert_eq!(store.connects(), round + 1, "with a client of its own");
    }
    pass(5).await;
    assert_eq!(received.count(), 1);
    store.put("app", "a", 2);
    until("the next change arrives", || received.shows(2)).await;
    assert_eq!(received.last().unwrap().reason, Reason::Change);
}

#[actix::test]
async fn a_watch_goes_on_whatever_it_was_doing_when_it_was_reset() {
    tokio::time::pause();
    for before in [
        Mode::Silent,
        Mode::Impatient,
        Mode::Fail(consul_watch_actors::FailureClass::Denied),
    ] {
        for resets in 1..=3 {
            for gap in [0, 1, 7, 15, 1000] {
                let store = Store::new();
                store.mode("app", before.clone());
                let watches = actix::Actor::start(common::supervisor(&store).arbiters(0));
                let (subscriber, received) = Recorder::prompt();
                watches.watch("app", subscriber).await;
                for _ in 0..resets {
                    tokio::time::sleep(Duration::from_millis(gap)).await;
                    watches.send(Reset::new()).await.unwrap().unwrap();
                }
                store.put("app", "a", 1);
                store.mode("app", Mode::Honest);
                until(
                    &format!("it continues after {resets} resets {gap} ms apart in {before:?}"),
                    || received.shows(1),
                )
                .await;
            }
        }
    }
}

#[actix::test]
async fn many_resets_at_once_are_each_answered() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    let resets: Vec<_> = (0..30).map(|_| watches.send(Reset::new())).collect();
    for reset in futures_util::future::join_all(resets).await {
        assert_eq!(reset.unwrap().unwrap(), 1);
    }
    until("one query waits", || store.open() == 1).await;
    store.put("app", "a", 2);
    until("the next change arrives", || received.shows(2)).await;
    pass(5).await;
    assert_eq!(store.open(), 1, "and no more than one");
    assert_eq!(received.count(), 2);
}

#[actix::test]
async fn another_source_takes_over_and_only_differences_are_delivered() {
    let (old, new) = (Store::new(), Store::new());
    for store in [&old, &new] {
        store.put("same", "a", 1);
        store.put("other", "a", 1);
    }
    new.put("other", "a", 2);
    let watches = paused(&old);
    let (same, same_received) = Recorder::prompt();
    let (other, other_received) = Recorder::prompt();
    watches.watch("same", same).await;
    watches.watch("other", other).await;
    until("both have the first state", || {
        same_received.shows(1) && other_received.shows(1)
    })
    .await;
    assert_eq!(
        watches
            .send(Reset::with(new.clone()))
            .await
            .unwrap()
            .unwrap(),
        2
    );
    assert_eq!(old.open(), 0, "the old source is let go");
    until("the difference arrives", || other_received.shows(2)).await;
    let difference = other_received.last().unwrap();
    assert_eq!(
        (difference.reason, difference.previous.unwrap()["a"]),
        (Reason::Resync, 1)
    );
    pass(5).await;
    assert_eq!(
        same_received.count(),
        1,
        "what is the same is not delivered again"
    );
    let (late, late_received) = Recorder::prompt();
    new.put("late", "a", 7);
    watches.watch("late", late).await;
    until("later watches use it too", || late_received.shows(7)).await;
}

#[actix::test]
async fn a_source_that_is_refused_changes_nothing() {
    let (store, bad) = (Store::new(), Store::new());
    bad.refuse(true);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("a query waits", || {
        received.count() == 1 && store.open() == 1
    })
    .await;
    let refused = watches.send(Reset::with(bad.clone())).await.unwrap();
    assert!(
        matches!(refused, Err(ResetError::Refused(_))),
        "not {refused:?}"
    );
    pass(5).await;
    assert_eq!((store.open(), store.dropped(), bad.connects()), (1, 0, 0));
    assert_eq!(
        watches.send(Reset::new()).await.unwrap().unwrap(),
        1,
        "the one it has is still good"
    );
    store.put("app", "a", 1);
    until("the watch continues", || received.shows(1)).await;
}
