//! A watcher that panics is replaced for the same subscribers, and nothing is repeated or lost.

use crate::common::{
    Events, Folder, Mode, Recorder, Rows, Store, SupervisorExt, pass, paused, supervisor, until,
};
use consul_watch_actors::{Observe, Reset, Stop, Watch};

#[actix::test]
async fn another_watcher_takes_over_after_a_panic_in_a_query() {
    let store = Store::new();
    store.put("app", "a", 1);
    store.put("else", "a", 1);
    let watches = paused(&store);
    let (observer, events) = Events::start_new();
    let (subscriber, received) = Recorder::prompt();
    let (bystander, bystander_received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    watches.watch("else", bystander).await;
    until("both have the first state", || {
        received.shows(1) && bystander_received.shows(1)
    })
    .await;
    watches.send(Observe::path("app", observer)).await.unwrap();
    store.mode("app", Mode::Panic);
    pass(30).await;
    let panics = store.asked("app").len();
    assert!(
        (20..500).contains(&panics),
        "{panics} attempts in 30 seconds, with a back-off to 500 ms"
    );
    assert_eq!(
        events.names(),
        ["live", "retrying"],
        "told once, not once an attempt"
    );
    store.mode("app", Mode::Honest);
    watches
        .until_status("app", "live", |status| status.state.is_live())
        .await;
    pass(5).await;
    assert_eq!(
        (received.count(), bystander_received.count()),
        (1, 1),
        "nothing is repeated"
    );
    let status = watches.status("app").await.unwrap();
    assert_eq!((status.subscribers, store.open()), (1, 2));
    assert!(status.restarts > 0, "and it is counted");
    store.put("app", "a", 2);
    until("the feed continues", || received.shows(2)).await;
}

#[actix::test]
async fn a_value_whose_comparison_panics_is_rejected_and_nobody_else_notices() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (slow, slow_received, gate) = Recorder::gated();
    let (quick, quick_received) = Recorder::prompt();
    watches.watch("app", slow).await;
    watches.watch("app", quick).await;
    until("both have the first state", || {
        slow_received.shows(1) && quick_received.shows(1)
    })
    .await;
    store.put("app", "a", 2);
    until("the quick one continues", || quick_received.shows(2)).await;
    let (observer, events) = Events::start_new();
    watches.send(Observe::path("app", observer)).await.unwrap();
    store.put("app", "b", Rows::CURSED);
    until("it is rejected", || events.names() == ["live", "rejected"]).await;
    // Who comes now gets the last good state.
    let (late, late_received) = Recorder::prompt();
    watches.watch("app", late).await;
    until("a late one has the last good state", || {
        late_received.shows(2)
    })
    .await;
    store.delete("app", "b");
    watches
        .until_status("app", "live", |status| status.state.is_live())
        .await;
    gate.add_permits(9);
    until("what waited is delivered", || slow_received.shows(2)).await;
    pass(5).await;
    assert_eq!(
        (
            slow_received.count(),
            quick_received.count(),
            late_received.count()
        ),
        (2, 2, 1)
    );
    let status = watches.status("app").await.unwrap();
    assert_eq!((status.subscribers, status.restarts), (3, 0));
}

#[actix::test]
async fn what_is_said_to_a_dying_watcher_is_done_by_the_next_one() {
    tokio::time::pause();
    for when in 0..40 {
        let store = Store::new();
        store.put("app", "a", 1);
        let watches = supervisor(&store).arbiters(0).start();
        let (staying, staying_received) = Recorder::prompt();
        let (leaving, _) = Recorder::prompt();
        let (coming, coming_received) = Recorder::prompt();
        watches.watch("app", staying).await;
        let leaver = watches.watch("app", leaving).await;
        until("it begins", || staying_received.shows(1)).await;
        store.mode("app", Mode::Panic);
        for _ in 0..when {
            tokio::task::yield_now().await;
        }
        let stopped = watches.stop(Stop::subscription(leaver)).await;
        assert_eq!(stopped.subscriptions, 1);
        watches.watch("app", coming).await;
        assert_eq!(watches.send(Reset::new()).await.unwrap().unwrap(), 1);
        store.mode("app", Mode::Honest);
        store.put("app", "a", 2);
        until(&format!("both are notified, after {when} turns"), || {
            staying_received.shows(2) && coming_received.shows(2)
        })
        .await;
        assert_eq!(watches.status("app").await.unwrap().subscribers, 2);
        store.mode("app", Mode::Panic);
        for _ in 0..when {
            tokio::task::yield_now().await;
        }
        watches.stop(Stop::all()).await;
        assert_eq!(store.open(), 0);
        let asked = store.asked("app").len();
        pass(10).await;
        assert_eq!(
            store.asked("app").len(),
            asked,
            "nothing rises again after a stop"
        );
    }
}

#[actix::test]
async fn what_is_said_to_a_watcher_that_has_just_died_is_made_up_for() {
    let (store, other) = (Store::new(), Store::new());
    for (store, value) in [(&store, 1), (&other, 7)] {
        store.put("app", "a", value);
    }
    let watches = paused(&store);
    let (leaving, leaving_received) = Recorder::prompt();
    let (coming, coming_received) = Recorder::prompt();
    let (staying, staying_received) = Recorder::prompt();
    watches.watch("app", staying).await;
    let leaver = watches.watch("app", leaving).await;
    until("it begins", || {
        leaving_received.shows(1) && staying_received.shows(1) && store.open() == 1
    })
    .await;
    // The watcher is woken first and dies; these reach the supervisor before the news of it does.
    store.mode("app", Mode::Panic);
    let stop = watches.send(Stop::subscription(leaver));
    let watch = watches.send(Watch::new(Folder::new("app"), coming));
    let reset = watches.send(Reset::with(other.clone()));
    let (stopped, watched, reset) = futures_util::future::join3(stop, watch, reset).await;
    assert_eq!(stopped.unwrap().subscriptions, 1);
    watched.unwrap().unwrap();
    reset.unwrap().unwrap();
    until("the one that came is notified, by the new source", || {
        coming_received.shows(7)
    })
    .await;
    until("and the one that stayed", || staying_received.shows(7)).await;
    until("one query waits", || other.open() == 1).await;
    assert_eq!(leaving_received.count(), 1);
    assert_eq!(watches.status("app").await.unwrap().subscribers, 2);
}

/// In real time: watchers panic on threads of their own.
#[actix::test]
async fn it_holds_on_other_threads_too() {
    let store = Store::new();
    let watches = supervisor(&store).arbiters(2).start();
    let folders: Vec<_> = (0..6).map(|n| format!("folder{n}")).collect();
    let mut received_by_all = Vec::new();
    for folder in &folders {
        store.put(folder, "a", 0);
        let (subscriber, received) = Recorder::prompt();
        watches.watch(folder, subscriber).await;
        received_by_all.push(received);
    }
    for round in 1..=10 {
        for folder in &folders {
            store.mode(folder, Mode::Panic);
        }
        for folder in &folders {
            store.put(folder, "a", round);
            store.mode(folder, Mode::Honest);
        }
        for (folder, received) in folders.iter().zip(&received_by_all) {
            until(&format!("{folder} shows {round}"), || received.shows(round)).await;
        }
    }
    for received in &received_by_all {
        let values = received.values();
        assert!(values.is_sorted(), "in order: {values:?}");
        assert!(
            values.windows(2).all(|pair| pair[0] != pair[1]),
            "nothing twice: {values:?}"
        );
    }
    watches.stop(Stop::all()).await;
    assert_eq!(store.open(), 0);
}
