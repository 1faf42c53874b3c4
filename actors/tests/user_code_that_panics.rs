//! Code that a subscriber, a query or a source comes with may panic: it is reported once, and neither the
//! supervisor nor any other subscriber is affected.

mod common;

use common::{
    Events, Folder, Logs, Mode, Part, Recorder, Row, Rows, Say, Store, pass, paused, supervisor,
    until,
};
use consul_watch_actors::{
    Change, EventKind, Item, Observe, Ready, SubscriberCode, SubscriptionId, View, Watch,
};

fn cursed(_: &Rows) -> bool {
    panic!("`skip_first_when` panics, as the test wants it")
}

/// The panics of subscribers' code that were reported.
fn panics(events: &Events) -> Vec<(SubscriptionId, SubscriberCode)> {
    events
        .all()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::SubscriberPanicked { subscription, code } => Some((subscription, code)),
            _ => None,
        })
        .collect()
}

#[actix::test]
async fn a_skip_first_that_panics_as_it_joins_skips_nothing_and_harms_nobody() {
    let logs = Logs::capture();
    let store = Store::new();
    store.put("app", "a", 1);
    store.put("else", "a", 1);
    let watches = paused(&store);
    let (observer, events) = Events::start_new();
    watches.send(Observe::all(observer)).await.unwrap();
    let (good, good_sight) = Recorder::prompt();
    let (bystander, bystander_sight) = Recorder::prompt();
    watches.watch("app", good).await;
    watches.watch("else", bystander).await;
    until("both have the first state", || {
        good_sight.shows(1) && bystander_sight.shows(1)
    })
    .await;
    let (bad, bad_sight) = Recorder::prompt();
    let id = watches
        .send(Watch::new(Folder::new("app"), bad).skip_first_when(cursed))
        .await
        .unwrap()
        .unwrap();
    until("the first state is not skipped", || bad_sight.shows(1)).await;
    pass(120).await;
    assert_eq!(panics(&events), [(id, SubscriberCode::SkipFirst)]);
    assert_eq!(logs.warnings("panicked").len(), 1);
    for (folder, sight) in [("app", &good_sight), ("else", &bystander_sight)] {
        store.put(folder, "a", 2);
        until("the others get the next state", || sight.shows(2)).await;
        assert_eq!(watches.status(folder).await.unwrap().restarts, 0);
    }
    until("so does it", || bad_sight.shows(2)).await;
}

#[actix::test]
async fn the_same_under_a_root() {
    let store = Store::new();
    store.put("app", "a", 1);
    tokio::time::pause();
    let watches = supervisor(&store)
        .arbiters(0)
        .shared_root(Folder::new("app"))
        .start();
    let (good, good_sight) = Recorder::prompt();
    watches
        .send(Watch::new(Part::row("app", "a"), good))
        .await
        .unwrap()
        .unwrap();
    until("the first state", || good_sight.shows(1)).await;
    let (bad, bad_sight) = Recorder::prompt();
    watches
        .send(Watch::new(Part::row("app", "a"), bad).skip_first_when(cursed))
        .await
        .unwrap()
        .unwrap();
    until("the first state is not skipped", || bad_sight.shows(1)).await;
    store.put("app", "a", 2);
    until("both get the next state", || {
        good_sight.shows(2) && bad_sight.shows(2)
    })
    .await;
    assert_eq!(store.asked("app/a").len(), 0, "it is still shared");
}

#[actix::test]
async fn one_that_panics_at_the_first_value_takes_it_from_nobody() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    store.mode("app", Mode::Silent);
    let (bad, bad_sight) = Recorder::prompt();
    let (good, good_sight) = Recorder::prompt();
    watches
        .send(Watch::new(Folder::new("app"), bad).skip_first_when(cursed))
        .await
        .unwrap()
        .unwrap();
    watches.watch("app", good).await;
    store.mode("app", Mode::Honest);
    watches.send(Ready::all()).await.unwrap().unwrap();
    pass(5).await;
    assert_eq!(good_sight.values(), [Some(1)]);
    assert_eq!(bad_sight.values(), [Some(1)]);
    assert_eq!(watches.status("app").await.unwrap().restarts, 0);
}

#[actix::test]
async fn a_predicate_or_projection_that_panics_is_reported_once() {
    let wanted = |change: &Change<Row>| {
        assert!(change.item().value != 2, "a panic, as the test wants it");
        true
    };
    let part = |row: &Row| {
        assert!(row.value != 2, "a panic, as the test wants it");
        row.value
    };
    let equal = |one: &Row, other: &Row| {
        assert!(other.value != 2, "a panic, as the test wants it");
        one.same(other)
    };
    let views = [
        View::default().only(wanted),
        View::default().project(part),
        View::default().with_equality(equal),
    ];
    for view in views {
        let logs = Logs::capture();
        let store = Store::new();
        store.put("app", "a", 1);
        let watches = paused(&store);
        let (observer, events) = Events::start_new();
        watches.send(Observe::all(observer)).await.unwrap();
        let (bad, bad_sight) = Recorder::prompt();
        let (good, good_sight) = Recorder::prompt();
        // The first state is compared with nothing.
        let watch = Watch::new(Folder::new("app"), bad).view(view);
        let id = watches.send(watch).await.unwrap().unwrap();
        watches.watch("app", good).await;
        until("both have the first state", || {
            bad_sight.shows(1) && good_sight.shows(1)
        })
        .await;
        store.put("app", "a", 2);
        // It runs again and again for an hour.
        pass(3600).await;
        assert_eq!((bad_sight.count(), good_sight.count()), (1, 2));
        assert_eq!(panics(&events), [(id, SubscriberCode::View)]);
        assert_eq!(logs.warnings("panicked").len(), 1);
        let mut value = 3;
        store.put("app", "a", value);
        until("it catches up", || bad_sight.shows(value)).await;
        // Neither does one that panics at every other state fill the log.
        for _ in 0..100 {
            store.put("app", "a", 2);
            pass(2).await;
            value += 1;
            store.put("app", "a", value);
            pass(60).await;
        }
        until("it catches up", || bad_sight.shows(value)).await;
        let reports = panics(&events).len();
        assert!((2..=110).contains(&reports), "{reports} reports");
        assert_eq!(logs.warnings("panicked").len(), reports);
        assert_eq!(watches.status("app").await.unwrap().restarts, 0);
        tokio::time::resume();
    }
}
