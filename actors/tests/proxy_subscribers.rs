//! Subscribers that receive for another actor, and the states that a subscription skips.

mod common;

use std::sync::{Arc, Mutex};

use actix::prelude::*;
use common::{Folder, Recorder, Row, Store, SupervisorExt, actors::Leave, pass, paused, until};
use consul_watch_actors::{Changed, Stop, Subscriber, Watch, WatchError};

/// A proxy that receives for a recorder.
fn proxy_for(recorder: &Addr<Recorder>) -> Subscriber<Changed<Folder>> {
    let (proxy, _) = Recorder::prompt();
    Subscriber::from(proxy).on_behalf_of(recorder.clone().into())
}

#[actix::test]
async fn a_proxy_counts_as_the_actor_that_it_receives_for() {
    let store = Store::new();
    let watches = paused(&store);
    let (recorder, _) = Recorder::prompt();
    let watch = |subscriber| Watch::new(Folder::new("app"), subscriber);
    let first = watches.send(watch(proxy_for(&recorder))).await.unwrap();
    let first = first.unwrap();
    for again in [proxy_for(&recorder), recorder.clone().into()] {
        let refused = watches.send(watch(again)).await.unwrap();
        assert!(
            matches!(refused, Err(WatchError::AlreadyWatching { subscription, .. }) if subscription == first),
            "{refused:?}"
        );
    }
    watches.stop(Stop::subscription(first)).await;
    let after = watches.send(watch(proxy_for(&recorder))).await.unwrap();
    assert!(after.is_ok(), "{after:?}");
}

#[actix::test]
async fn the_subscription_of_a_proxy_ends_with_the_actor_that_it_receives_for() {
    let store = Store::new();
    let watches = paused(&store);
    let (recorder, _) = Recorder::prompt();
    let proxy = proxy_for(&recorder);
    watches.watch("app", proxy).await;
    recorder.send(Leave).await.unwrap();
    store.put("app", "a", 1);
    pass(60).await;
    assert!(watches.status("app").await.is_none(), "the watch has ended");
}

#[actix::test]
async fn states_that_a_projection_leaves_out_are_reported_as_skipped() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (recorder, received) = Recorder::prompt();
    let skipped = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&skipped);
    let watch = Watch::new(Folder::new("app"), recorder)
        .project(|row: &Row| row.key.clone())
        .on_skipped(move |rows, index| {
            let value = rows.to_map()["a"];
            list.lock().unwrap().push((value, index));
            assert!(value != 2, "a panic is the subscriber's own affair");
        });
    let id = watches.send(watch).await.unwrap().unwrap();
    until("the first state", || received.count() == 1).await;
    for value in [2, 3] {
        store.put("app", "a", value);
        pass(1).await;
    }
    store.put("app", "b", 1);
    until("the change that counts", || received.count() == 2).await;
    let reported = skipped.lock().unwrap().clone();
    let values: Vec<_> = reported.iter().map(|(value, _)| *value).collect();
    assert_eq!(values, [2, 3]);
    assert!(
        reported[0].1 < reported[1].1,
        "with their indexes: {reported:?}"
    );
    watches.stop(Stop::subscription(id)).await;
    assert_eq!(
        Arc::strong_count(&skipped),
        1,
        "the hook ends with its subscription"
    );
}
