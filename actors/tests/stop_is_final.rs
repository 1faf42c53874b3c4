//! Stop means stopped: the reply comes after the request is closed, and nothing is delivered after it.

mod common;

use std::sync::Arc;

use common::{
    Folder, Recorder, Store, SupervisorExt, actors::Occupy, pass, paused, supervisor, until,
};
use consul_watch_actors::{FailureClass, Stop, Watch};
use tokio::sync::Semaphore;

#[actix::test]
async fn the_reply_comes_after_the_request_is_dropped_and_nothing_after_it() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("a query waits", || {
        received.count() == 1 && store.open() == 1
    })
    .await;
    let stopped = watches.stop(Stop::path("app")).await;
    assert_eq!(store.open(), 0, "the request is closed by now");
    assert_eq!(store.dropped(), 1);
    assert_eq!(
        (stopped.ended, stopped.subscriptions),
        (vec![common::path("app")], 1)
    );
    assert_eq!(stopped.not_watched, [""; 0]);
    store.put("app", "a", 1);
    pass(60).await;
    assert_eq!(received.count(), 1, "nothing comes after a stop");
    assert!(watches.status("app").await.is_none());
}

#[actix::test]
async fn a_message_that_waits_in_a_busy_mailbox_is_taken_back() {
    let store = Store::new();
    let watches = paused(&store);
    let (busy, busy_received) = Recorder::prompt();
    let (other, other_received) = Recorder::prompt();
    let id = watches.watch("app", busy.clone()).await;
    watches.watch("app", other.clone()).await;
    until("both have the first state", || {
        busy_received.count() + other_received.count() == 2
    })
    .await;
    for (stop, ends_all) in [(Stop::subscription(id), false), (Stop::path("app"), true)] {
        let gate = Arc::new(Semaphore::new(0));
        busy.do_send(Occupy(gate.clone()));
        other.do_send(Occupy(gate.clone()));
        let (busy_count, other_count) = (busy_received.count(), other_received.count());
        store.put("app", "a", 1 + u64::try_from(other_count).unwrap());
        pass(1).await;
        watches.stop(stop).await;
        gate.add_permits(2);
        pass(5).await;
        assert_eq!(
            busy_received.count(),
            busy_count,
            "the waiting message was taken back"
        );
        assert_eq!(other_received.count(), other_count + usize::from(!ends_all));
    }
}

#[actix::test]
async fn a_stop_of_one_subscription_leaves_the_others_their_watch() {
    let store = Store::new();
    let watches = paused(&store);
    let (first, first_received) = Recorder::prompt();
    let (second, second_received) = Recorder::prompt();
    let one = watches.watch("app", first).await;
    let two = watches.watch("app", second).await;
    until("both have the first state", || {
        first_received.count() + second_received.count() == 2
    })
    .await;
    let stopped = watches.stop(Stop::subscription(one)).await;
    assert_eq!((stopped.ended, stopped.subscriptions), (vec![], 1));
    assert_eq!(store.open(), 1, "the watch continues");
    assert_eq!(watches.status("app").await.unwrap().subscribers, 1);
    store.put("app", "a", 1);
    until("the other one is notified", || second_received.shows(1)).await;
    assert_eq!(first_received.count(), 1);
    let stopped = watches.stop(Stop::subscription(two)).await;
    assert_eq!(
        (stopped.ended, stopped.subscriptions),
        (vec![common::path("app")], 1)
    );
    assert_eq!(store.open(), 0, "it ends with the last one");
    let again = watches.stop(Stop::subscription(two)).await;
    assert_eq!(again.not_watched, [format!("subscription {two}")]);
}

#[actix::test]
async fn paths_queries_and_all_are_stopped_and_what_is_not_watched_is_told() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    for folder in ["a", "b", "c", "d", "e"] {
        watches.watch(folder, subscriber.clone()).await;
    }
    until("all wait", || received.count() == 5 && store.open() == 5).await;
    let stopped = watches
        .stop(Stop::paths(["a", "folder:b", "nowhere"]))
        .await;
    assert_eq!(stopped.ended, [common::path("a"), common::path("b")]);
    assert_eq!(stopped.not_watched, ["nowhere"]);
    assert_eq!(store.open(), 3);
    let stopped = watches.stop(Stop::paths(["c", "c", "folder:c"])).await;
    assert_eq!(stopped.ended, [common::path("c")]);
    assert_eq!(
        stopped.not_watched, [""; 0],
        "a watch named twice was watched"
    );
    let stopped = watches.stop(Stop::query(&Folder::new("d"))).await;
    assert_eq!(stopped.ended, [common::path("d")]);
    let again = watches.stop(Stop::query(&Folder::new("d"))).await;
    assert_eq!(again.not_watched, ["folder:d"]);
    let stopped = watches.stop(Stop::all()).await;
    assert_eq!((stopped.ended.len(), store.open()), (1, 0));
    assert_eq!(
        watches.stop(Stop::all()).await.not_watched,
        [""; 0],
        "nothing to stop is no mistake"
    );
    watches.watch("a", subscriber).await;
    until("the supervisor takes new ones", || received.count() == 6).await;
}

#[actix::test]
async fn a_stop_in_a_back_off_or_before_the_first_answer_is_answered_at_once() {
    let store = Store::new();
    store.mode("silent", common::Mode::Silent);
    store.mode("broken", common::Mode::Fail(FailureClass::Transient));
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("silent", subscriber.clone()).await;
    watches.watch("broken", subscriber.clone()).await;
    watches
        .until_status("broken", "retrying", |status| {
            status.state.name() == "retrying"
        })
        .await;
    let start = tokio::time::Instant::now();
    watches.stop(Stop::all()).await;
    assert!(
        start.elapsed().as_millis() < 100,
        "it took {:?}",
        start.elapsed()
    );
    assert_eq!(store.open(), 0);
    let asked = store.asked("broken").len();
    store.mode("broken", common::Mode::Honest);
    pass(60).await;
    assert_eq!(
        store.asked("broken").len(),
        asked,
        "nothing is retried after a stop"
    );
    assert_eq!(received.count(), 0);
}

#[actix::test]
async fn a_watch_right_behind_a_stop_begins_anew() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    for round in 1..=20 {
        let old = watches.watch("app", subscriber.clone()).await;
        until("the state arrives", || received.count() == 2 * round - 1).await;
        // Neither waits for the other.
        let stop = watches.send(Stop::path("app"));
        let watch = watches.send(Watch::new(Folder::new("app"), subscriber.clone()));
        let (stopped, new) = futures_util::future::join(stop, watch).await;
        let new = new.unwrap().unwrap();
        assert_eq!((stopped.unwrap().subscriptions, new > old), (1, true));
        until("the new one gets the state", || {
            received.count() == 2 * round
        })
        .await;
        assert_eq!(received.last().unwrap().subscription, new);
        assert_eq!(watches.stop(Stop::all()).await.subscriptions, 1);
        assert_eq!(store.open(), 0);
    }
}

#[actix::test]
async fn a_stop_whose_sender_does_not_wait_is_done_all_the_same() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber.clone()).await;
    until("a query waits", || {
        received.count() == 1 && store.open() == 1
    })
    .await;
    watches.do_send(Stop::all());
    until("the request is closed", || store.open() == 0).await;
}

/// In real time, on arbiters of their own, with writes on the way.
#[actix::test]
async fn nothing_is_delivered_after_the_reply_on_other_threads_either() {
    let store = Store::new();
    let watches = supervisor(&store).arbiters(2).start();
    let (subscriber, received) = Recorder::prompt();
    for round in 0..50 {
        watches.watch("app", subscriber.clone()).await;
        watches.ready("app").await;
        store.put("app", "a", 2 * round);
        watches.stop(Stop::path("app")).await;
        assert_eq!(store.open(), 0, "the request is closed by now");
        let count = received.count();
        store.put("app", "a", 2 * round + 1);
        // Whatever was still in the subscriber's mailbox is ahead of this.
        subscriber
            .send(Occupy(Arc::new(Semaphore::new(1))))
            .await
            .unwrap();
        assert_eq!(received.count(), count, "nothing comes after a stop");
    }
}
