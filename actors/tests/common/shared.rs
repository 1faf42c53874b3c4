//! The common parts of the tests of shared queries.

use std::time::Duration;

use actix::prelude::*;
use consul_watch_actors::{Status, SubscriptionId, Watch, WatchStatus, WatchSupervisor};

use super::{Folder, Part, Received, Recorder, Store, supervisor, until};

pub type Watches = Addr<WatchSupervisor<Store>>;

/// A supervisor whose root is the folder `app`, by a paused clock.
pub fn rooted(store: &Store) -> Watches {
    tokio::time::pause();
    rooted_on(0, store)
}

/// A supervisor whose root is the folder `app`, on so many arbiters.
pub fn rooted_on(arbiters: usize, store: &Store) -> Watches {
    supervisor(store)
        .arbiters(arbiters)
        .shared_root(Folder::new("app"))
        .start()
}

/// A source with these rows in the folder `app`.
pub fn store_of<const N: usize>(keys: [&str; N]) -> Store {
    let store = Store::new();
    for key in keys {
        store.put("app", key, 1);
    }
    store
}

pub fn row(key: &str) -> Part {
    Part::row("app", key)
}

pub async fn watch(watches: &Watches, part: &Part, subscriber: &Addr<Recorder>) -> SubscriptionId {
    watches
        .send(Watch::new(part.clone(), subscriber.clone()))
        .await
        .unwrap()
        .unwrap()
}

/// Watches it, and waits for the first state.
pub async fn follow(watches: &Watches, part: &Part) -> (SubscriptionId, Addr<Recorder>, Received) {
    let (subscriber, received) = Recorder::prompt();
    let id = watch(watches, part, &subscriber).await;
    let first = received.clone();
    until("the first state arrives", move || first.count() > 0).await;
    (id, subscriber, received)
}

pub async fn status(watches: &Watches, part: &Part) -> WatchStatus {
    watches.send(Status::query(part)).await.unwrap().remove(0)
}

pub async fn until_state(watches: &Watches, part: &Part, name: &str) {
    for _ in 0..10_000 {
        if status(watches, part).await.state.name() == name {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it is never {name}: {:?}", status(watches, part).await);
}

/// Nobody is left over: no request, and no actor that holds the source.
pub async fn until_as_before(store: &Store, handles: usize) {
    until("nothing of them is left", || {
        store.open() == 0 && store.handles() == handles
    })
    .await;
}
