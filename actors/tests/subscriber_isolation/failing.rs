//! A subscriber that panics, restarts or ends affects no other, and one that restarts in the middle of an update
//! gets the latest state again.

use std::time::Duration;

use crate::common::{
    Events, Folder, Logs, Recorder, Store, SupervisorExt,
    actors::{Habit, Leave},
    pass, paused, until,
};
use actix::prelude::*;
use consul_watch_actors::{
    Change, EndReason, EventKind, Observe, Stop, SubscriberCode, Watch, WatchError,
};

#[actix::test]
async fn a_panic_in_a_handler_ends_its_own_subscription_only() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (bad, bad_received) = Recorder::with(Habit::PanicsAt(2));
    let (good, good_received) = Recorder::prompt();
    watches.watch("app", bad).await;
    watches.watch("app", good).await;
    until("both have the first state", || {
        bad_received.shows(1) && good_received.shows(1)
    })
    .await;
    store.put("app", "a", 2);
    until("the good one continues", || good_received.shows(2)).await;
    store.put("app", "a", 3);
    until("and on", || good_received.shows(3)).await;
    let status = watches
        .until_status("app", "one subscriber", |status| status.subscribers == 1)
        .await;
    assert_eq!(status.restarts, 0, "the watcher did not notice");
    assert_eq!(good_received.count(), 3);
}

#[actix::test]
async fn a_panic_in_a_predicate_is_its_own_subscribers_trouble() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let cursed = |change: &Change<crate::common::Row>| {
        assert!(
            change.item().value != 2,
            "the predicate panics, as the test wants it"
        );
        true
    };
    let (bad, bad_received) = Recorder::prompt();
    let (good, good_received) = Recorder::prompt();
    watches
        .send(Watch::new(Folder::new("app"), bad).only(cursed))
        .await
        .unwrap()
        .unwrap();
    watches.watch("app", good).await;
    until("both have the first state", || {
        bad_received.shows(1) && good_received.shows(1)
    })
    .await;
    store.put("app", "a", 2);
    until("the good one continues", || good_received.shows(2)).await;
    pass(30).await;
    let status = watches.status("app").await.unwrap();
    assert_eq!(
        (status.restarts, status.subscribers),
        (0, 2),
        "the watcher lives, and so do the subscriptions"
    );
    let asked = store.asked("app").len();
    assert!(asked < 5, "nobody asks again for that: {asked} queries");
    store.put("app", "a", 3);
    until("the good one sees the next", || good_received.shows(3)).await;
    until("the bad one does too, once its predicate holds", || {
        bad_received.shows(3)
    })
    .await;
    assert_eq!(good_received.count(), 3);
}

/// The first panic uses up no report of the second.
#[actix::test]
async fn each_kind_of_panic_of_a_subscriber_is_reported() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (observer, events) = Events::start_new();
    watches.send(Observe::all(observer)).await.unwrap();
    let panics = |change: &Change<crate::common::Row>| {
        assert!(change.item().value != 2, "as the test wants it");
        true
    };
    let (user, _) = Recorder::prompt();
    let watch = Watch::new(Folder::new("app"), user)
        .skip_first_when(|_| panic!("as the test wants it"))
        .only(panics);
    watches.send(watch).await.unwrap().unwrap();
    let reported = || {
        let all = events.all();
        let codes = all.iter().filter_map(|event| match event.kind {
            EventKind::SubscriberPanicked { code, .. } => Some(code),
            _ => None,
        });
        codes.collect::<Vec<_>>()
    };
    pass(5).await;
    store.put("app", "a", 2);
    pass(600).await;
    assert_eq!(
        reported(),
        [SubscriberCode::SkipFirst, SubscriberCode::View]
    );
}

#[actix::test]
async fn one_that_restarts_in_the_middle_of_an_update_is_given_the_latest_again() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (recorder, received) = Recorder::new(Habit::StopsAt(2));
    let lives = recorder.lives.clone();
    let subscriber = actix::Supervisor::start(move |_| recorder);
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    store.put("app", "a", 2);
    until("it is given the state again", || received.count() == 3).await;
    assert_eq!(received.values(), [Some(1), Some(2), Some(2)]);
    let again = received.last().unwrap();
    assert_eq!(again.previous.unwrap()["a"], 1, "it did not finish with 2");
    assert_eq!(*lives.lock().unwrap(), 2);
    store.put("app", "a", 3);
    until("the feed continues", || received.shows(3)).await;
    pass(60).await;
    assert_eq!(received.count(), 4);
    assert_eq!(watches.status("app").await.unwrap().subscribers, 1);
}

/// The value goes back before the update is owed again, and so to what the subscriber has handled.
#[actix::test]
async fn what_a_cut_handler_began_is_made_good_when_the_value_goes_back() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (recorder, received) = Recorder::new(Habit::StopsAt(2));
    let subscriber = actix::Supervisor::start(move |_| recorder);
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    store.put("app", "a", 2);
    until("it begins with 2", || received.shows(2)).await;
    store.put("app", "a", 1);
    pass(600).await;
    // The pause before it is owed again is drawn, and may be shorter than the write takes.
    assert!(
        received.shows(1),
        "its handler was given {:?}",
        received.values()
    );
    let undone = received.last().unwrap();
    assert_eq!(undone.changes, ["updated a"]);
    assert_eq!(undone.previous.unwrap()["a"], 2);
}

#[actix::test]
async fn an_actor_that_panics_or_ends_is_reported_once_and_one_that_stops_is_not() {
    for (how, reason) in [
        ("panics", Some(EndReason::DuringUpdate)),
        ("ends", Some(EndReason::ActorEnded)),
        ("is dropped", Some(EndReason::ActorEnded)),
        ("stops", None),
    ] {
        let logs = Logs::capture();
        let store = Store::new();
        store.put("app", "a", 1);
        store.put("else", "a", 1);
        let watches = paused(&store);
        let (observer, events) = Events::start_new();
        watches.send(Observe::all(observer)).await.unwrap();
        let (good, _) = Recorder::prompt();
        watches.watch("app", good).await;
        let (bad, bad_received) = Recorder::with(Habit::PanicsAt(2));
        let id = watches.watch("app", bad.downgrade()).await;
        watches.watch("else", bad.downgrade()).await;
        until("it has both first states", || bad_received.count() == 2).await;
        match how {
            "panics" => drop(store.put("app", "a", 2)),
            "ends" => bad.send(Leave).await.unwrap(),
            "is dropped" => drop(bad),
            _ => drop(watches.stop(Stop::all()).await),
        }
        pass(60).await;
        let ended: Vec<_> = events
            .all()
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::SubscriptionEnded {
                    subscription,
                    reason,
                } => Some((event.path, subscription, reason)),
                _ => None,
            })
            .collect();
        let Some(reason) = reason else {
            assert_eq!(
                (ended.len(), logs.warnings("an actor is gone").len()),
                (0, 0)
            );
            continue;
        };
        assert_eq!(ended.len(), 2, "it had two subscriptions: {ended:?}");
        assert!(ended.contains(&(crate::common::path("app"), id, reason)));
        let warnings = logs.warnings("an actor is gone");
        assert_eq!(warnings.len(), 1, "{how}: {warnings:?}");
        tokio::time::resume();
    }
}

#[actix::test]
async fn a_subscription_ends_with_its_actor_and_the_watch_with_the_last_one() {
    let store = Store::new();
    let watches = paused(&store);
    let (first, first_received) = Recorder::prompt();
    let (second, second_received) = Recorder::prompt();
    watches.watch("app", first.clone()).await;
    watches.watch("app", second.clone()).await;
    until("both have the first state", || {
        first_received.count() + second_received.count() == 2
    })
    .await;
    first.send(Leave).await.unwrap();
    watches
        .until_status("app", "one subscriber", |status| status.subscribers == 1)
        .await;
    assert_eq!(store.open(), 1);
    second.send(Leave).await.unwrap();
    until("the request is closed without another change", || {
        store.open() == 0
    })
    .await;
    assert!(watches.status("app").await.is_none(), "the watch has ended");
}

#[actix::test]
async fn a_weak_subscriber_is_not_kept_alive() {
    let store = Store::new();
    let watches = paused(&store);
    let (weak, weak_received) = Recorder::prompt();
    let (strong, strong_received) = Recorder::prompt();
    watches.watch("weak", weak.downgrade()).await;
    watches.watch("strong", strong.clone()).await;
    until("both have the first state", || {
        weak_received.count() + strong_received.count() == 2
    })
    .await;
    pass(5).await;
    assert!(weak.connected(), "held elsewhere, it stays");
    drop((weak, strong));
    pass(5).await;
    assert!(
        watches.status("weak").await.is_none(),
        "the weak one's watch has ended"
    );
    assert_eq!(
        watches.status("strong").await.unwrap().subscribers,
        1,
        "the strong one is kept"
    );
    assert_eq!(store.open(), 1);
}

#[actix::test]
async fn the_same_actor_is_subscribed_to_a_query_once() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    let id = watches.watch("app", subscriber.clone()).await;
    // Whichever way it is named.
    for again in [
        Watch::new(Folder::new("app"), subscriber.clone()),
        Watch::new(Folder::new("app"), subscriber.clone().recipient()),
        Watch::new(Folder::new("app"), subscriber.downgrade()),
    ] {
        match watches.send(again).await.unwrap() {
            Err(WatchError::AlreadyWatching { path, subscription }) => {
                assert_eq!((path, subscription), (crate::common::path("app"), id));
            }
            other => panic!("it should be notified that it watches already, not {other:?}"),
        }
    }
    pass(1).await;
    assert_eq!(received.count(), 1);
    assert_eq!(watches.status("app").await.unwrap().subscribers, 1);
    // After a stop it may watch again.
    watches
        .stop(consul_watch_actors::Stop::subscription(id))
        .await;
    watches.watch("app", subscriber).await;
    until("it gets the state again", || received.count() == 2).await;
}

#[actix::test]
async fn an_actor_that_is_gone_is_refused() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, _) = Recorder::prompt();
    subscriber.send(Leave).await.unwrap();
    until("it is gone", || !subscriber.connected()).await;
    let weak = subscriber.downgrade();
    for watch in [
        Watch::new(Folder::new("app"), subscriber),
        Watch::new(Folder::new("app"), weak),
    ] {
        let refused = watches.send(watch).await.unwrap();
        assert!(
            matches!(refused, Err(WatchError::SubscriberGone { .. })),
            "not {refused:?}"
        );
    }
    assert!(watches.status("app").await.is_none(), "nothing was begun");
    assert_eq!(store.connects(), 0);
}

#[actix::test]
async fn one_that_loses_every_update_is_tried_at_a_pace_that_harms_nobody() {
    /// Stops in the middle of each update.
    struct Forgetful(std::rc::Rc<std::cell::Cell<u32>>);
    impl Actor for Forgetful {
        type Context = Context<Self>;
    }
    impl Supervised for Forgetful {}
    impl Handler<consul_watch_actors::Changed<Folder>> for Forgetful {
        type Result = ResponseActFuture<Self, ()>;
        fn handle(
            &mut self,
            _: consul_watch_actors::Changed<Folder>,
            ctx: &mut Context<Self>,
        ) -> Self::Result {
            self.0.set(self.0.get() + 1);
            ctx.stop();
            Box::pin(std::future::pending().into_actor(self))
        }
    }
    let store = Store::new();
    let watches = paused(&store);
    let count = std::rc::Rc::<std::cell::Cell<u32>>::default();
    let actor = Forgetful(count.clone());
    watches
        .watch("app", actix::Supervisor::start(move |_| actor))
        .await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(
        (5..60).contains(&count.get()),
        "it was tried {} times in five minutes",
        count.get()
    );
}
