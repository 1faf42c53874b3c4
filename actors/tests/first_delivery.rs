//! A subscriber receives the current state first, and then every change of it, in order.

mod common;

use common::{Folder, Mode, Recorder, Store, SupervisorExt, pass, paused, until};
use consul_watch_actors::{Reason, Watch};

#[actix::test]
async fn the_first_update_is_the_state_as_it_is() {
    let store = Store::new();
    let index = store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    let id = watches.watch("app", subscriber).await;
    until("the state arrives", || received.count() == 1).await;
    let first = received.last().unwrap();
    assert_eq!(
        (first.reason, first.previous, first.coalesced),
        (Reason::First, None, 0)
    );
    assert_eq!((first.subscription, first.index), (id, index));
    assert_eq!(
        first.changes,
        ["added a"],
        "the first time everything is added"
    );
}

#[actix::test]
async fn an_empty_state_is_a_state() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the empty state arrives", || received.count() == 1).await;
    assert_eq!(received.last().unwrap().changes, [""; 0]);
}

#[actix::test]
async fn changes_come_in_order_and_deletes_are_changes() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.count() == 1).await;
    for value in 1..=20 {
        store.put("app", "a", value);
        until("the change arrives", || received.shows(value)).await;
    }
    store.delete("app", "a");
    until("the delete arrives", || received.count() == 22).await;
    let seen = received.all();
    assert_eq!(seen[1].changes, ["added a"]);
    assert_eq!(seen[2].changes, ["updated a"]);
    assert_eq!(seen[21].changes, ["removed a"]);
    assert!(
        seen.is_sorted_by_key(|seen| seen.index),
        "indexes only grow"
    );
    for pair in seen.windows(2) {
        assert_eq!(
            pair[1].previous.as_ref(),
            Some(&pair[0].rows),
            "each continues from the one before"
        );
        assert_eq!((pair[1].reason, pair[1].coalesced), (Reason::Change, 0));
    }
}

#[actix::test]
async fn a_late_subscriber_is_handed_the_latest_at_once() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (early, first) = Recorder::prompt();
    watches.watch("app", early).await;
    until("the first subscriber has its state", || first.shows(1)).await;
    // From here on the source says nothing: the value can only come from the watcher.
    store.mode("app", Mode::Silent);
    let asked = store.asked("app").len();
    let (late, second) = Recorder::prompt();
    watches.watch("app", late).await;
    until("the late subscriber has it too", || second.shows(1)).await;
    assert_eq!(second.last().unwrap().reason, Reason::First);
    assert_eq!(store.asked("app").len(), asked, "both share one query");
    assert_eq!(
        first.count(),
        1,
        "the first subscriber is not notified again"
    );
    assert_eq!(watches.status("app").await.unwrap().subscribers, 2);
}

#[actix::test]
async fn changes_only_begins_with_the_first_change() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (first, first_received) = Recorder::prompt();
    let (late, late_received) = Recorder::prompt();
    watches
        .send(Watch::new(Folder::new("app"), first).changes_only())
        .await
        .unwrap()
        .unwrap();
    watches.ready("app").await;
    watches
        .send(Watch::new(Folder::new("app"), late).changes_only())
        .await
        .unwrap()
        .unwrap();
    pass(5).await;
    assert_eq!(
        (first_received.count(), late_received.count()),
        (0, 0),
        "the current state is not sent"
    );
    store.put("app", "b", 2);
    for received in [first_received, late_received] {
        until("the change arrives", || received.count() == 1).await;
        let seen = received.last().unwrap();
        assert_eq!(seen.changes, ["added b"], "only what changed");
        assert_eq!(seen.reason, Reason::Change);
    }
}

#[actix::test]
async fn one_actor_may_watch_several_paths() {
    let store = Store::new();
    store.put("one", "a", 1);
    store.put("two", "a", 2);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    let one = watches.watch("one", subscriber.clone()).await;
    let two = watches.watch("two", subscriber).await;
    until("both arrive", || received.count() == 2).await;
    let mut ids: Vec<_> = received
        .all()
        .iter()
        .map(|seen| seen.subscription)
        .collect();
    ids.sort();
    assert_eq!(ids, [one, two]);
}
