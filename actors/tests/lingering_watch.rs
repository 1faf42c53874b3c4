//! A watch outlives the actor of its last subscriber for a moment, so that an actor that takes its place finds
//! the query still on its way. `Stop` ends it at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::time::Duration;

use actix::prelude::*;
use common::{
    Events, Received, Recorder, Store, SupervisorExt, actors::Leave, paused, supervisor, until,
};
use consul_watch_actors::{Observe, Reason, Stop, SubscriptionId, WatchSupervisor};

type Watches = Addr<WatchSupervisor<Store>>;

/// The time after which an actor that is gone is found, and its watch has ended.
const SWEEP: Duration = Duration::from_secs(1);
const LINGER: Duration = WatchSupervisor::<Store>::DEFAULT_LINGER;

async fn subscribe(watches: &Watches) -> (SubscriptionId, Addr<Recorder>, Received) {
    let (subscriber, received) = Recorder::prompt();
    let id = watches.watch("app", subscriber.clone()).await;
    let first = received.clone();
    until("the first state arrives", move || first.count() > 0).await;
    (id, subscriber, received)
}

async fn until_nobody(watches: &Watches) {
    watches
        .until_status("app", "without subscribers", |status| {
            status.subscribers == 0
        })
        .await;
}

#[actix::test]
async fn an_actor_that_takes_anothers_place_finds_the_query_on_its_way() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (observer, events) = Events::start_new();
    watches.send(Observe::all(observer)).await.unwrap();
    let (_, mut subscriber, _) = subscribe(&watches).await;
    until("it waits", || store.held() == 1).await;
    // The end of a time without subscribers is not the end of the next one, however they follow.
    for turn in 0..20 {
        subscriber.do_send(Leave);
        until_nobody(&watches).await;
        assert!(watches.status("app").await.unwrap().state.is_live());
        let pause = if turn % 2 == 0 {
            LINGER * 9 / 10
        } else {
            LINGER / 10
        };
        tokio::time::sleep(pause).await;
        let (_, other, received) = subscribe(&watches).await;
        assert_eq!(received.all()[0].reason, Reason::First);
        assert!(received.shows(1));
        subscriber = other;
    }
    assert_eq!(
        store.asked("app").len(),
        2,
        "the first query, and the one that waits"
    );
    assert_eq!((store.held(), store.dropped()), (1, 0));
    let names = events.names();
    assert_eq!(names[..2], ["connecting", "live"]);
    assert_eq!(names[2..], ["subscription ended"; 20]);
}

#[actix::test]
async fn nobody_comes_and_it_ends() {
    let store = Store::new();
    let watches = paused(&store);
    let (observer, events) = Events::start_new();
    watches.send(Observe::all(observer)).await.unwrap();
    let (_, subscriber, _) = subscribe(&watches).await;
    subscriber.do_send(Leave);
    tokio::time::sleep(LINGER * 99 / 100).await;
    assert_eq!(store.open(), 1, "it lingers");
    tokio::time::sleep(SWEEP + Duration::from_millis(50)).await;
    assert_eq!(store.open(), 0);
    assert!(watches.status("app").await.is_none());
    assert_eq!(
        events.names(),
        ["connecting", "live", "subscription ended", "ended"]
    );
}

#[actix::test]
async fn what_changes_meanwhile_is_there_for_the_next_one() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (_, subscriber, received) = subscribe(&watches).await;
    subscriber.do_send(Leave);
    until_nobody(&watches).await;
    store.put("app", "a", 2);
    tokio::time::sleep(LINGER / 2).await;
    let (_, _, other) = subscribe(&watches).await;
    assert_eq!(other.values(), [Some(2)]);
    assert_eq!(received.values(), [Some(1)]);
}

#[actix::test]
async fn stop_ends_it_at_once() {
    let store = Store::new();
    let watches = paused(&store);
    let (id, _subscriber, _) = subscribe(&watches).await;
    let stopped = watches.stop(Stop::subscription(id)).await;
    assert_eq!(
        (stopped.ended.len(), store.open()),
        (1, 0),
        "the last subscription is stopped"
    );
    let (_, subscriber, _) = subscribe(&watches).await;
    subscriber.do_send(Leave);
    until_nobody(&watches).await;
    assert_eq!(store.open(), 1);
    let stopped = watches.stop(Stop::path("app")).await;
    assert_eq!(
        (stopped.ended.len(), stopped.subscriptions, store.open()),
        (1, 0, 0),
        "while it lingers"
    );
    // A watch of the same name is another one.
    let _new = subscribe(&watches).await;
    tokio::time::sleep(LINGER + SWEEP).await;
    assert_eq!(store.open(), 1);
}

#[actix::test]
async fn without_lingering_it_ends_with_its_subscriber() {
    let store = Store::new();
    tokio::time::pause();
    let watches = supervisor(&store)
        .arbiters(0)
        .linger(Duration::ZERO)
        .start();
    let (_, subscriber, _) = subscribe(&watches).await;
    subscriber.do_send(Leave);
    tokio::time::sleep(SWEEP + Duration::from_millis(10)).await;
    assert_eq!(store.open(), 0);
}
