//! Code of a subscriber, a query or a source that panics is reported once, and affects neither the supervisor nor any
//! other subscriber.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::common::{
    Events, Folder, Logs, Mode, Part, Recorder, Row, Rows, Store, SupervisorExt, pass, paused,
    supervisor, until,
};
use actix::prelude::*;
use consul_watch_actors::{
    Ask, Change, Changed, Evaluation, EventKind, Failure, Item, Observe, Outcome, Query,
    QueryResponse, Ready, Request, Snapshot, Status, Stop, SubscriberCode, SubscriptionId, View,
    Watch, WatchPath,
};
use futures_util::future::LocalBoxFuture;

fn cursed(_: &Rows) -> bool {
    panic!("`skip_first_when` panics, as the test wants it")
}

/// Returns the panics of subscribers' code that were reported.
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
    let (good, good_received) = Recorder::prompt();
    let (bystander, bystander_received) = Recorder::prompt();
    watches.watch("app", good).await;
    watches.watch("else", bystander).await;
    until("both have the first state", || {
        good_received.shows(1) && bystander_received.shows(1)
    })
    .await;
    let (bad, bad_received) = Recorder::prompt();
    let id = watches
        .send(Watch::new(Folder::new("app"), bad).skip_first_when(cursed))
        .await
        .unwrap()
        .unwrap();
    until("the first state is not skipped", || bad_received.shows(1)).await;
    pass(120).await;
    assert_eq!(panics(&events), [(id, SubscriberCode::SkipFirst)]);
    assert_eq!(logs.warnings("panicked").len(), 1);
    for (folder, received) in [("app", &good_received), ("else", &bystander_received)] {
        store.put(folder, "a", 2);
        until("the others get the next state", || received.shows(2)).await;
        assert_eq!(watches.status(folder).await.unwrap().restarts, 0);
    }
    until("so does it", || bad_received.shows(2)).await;
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
    let (good, good_received) = Recorder::prompt();
    watches
        .send(Watch::new(Part::row("app", "a"), good))
        .await
        .unwrap()
        .unwrap();
    until("the first state", || good_received.shows(1)).await;
    let (bad, bad_received) = Recorder::prompt();
    watches
        .send(Watch::new(Part::row("app", "a"), bad).skip_first_when(cursed))
        .await
        .unwrap()
        .unwrap();
    until("the first state is not skipped", || bad_received.shows(1)).await;
    store.put("app", "a", 2);
    until("both get the next state", || {
        good_received.shows(2) && bad_received.shows(2)
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
    let (bad, bad_received) = Recorder::prompt();
    let (good, good_received) = Recorder::prompt();
    watches
        .send(Watch::new(Folder::new("app"), bad).skip_first_when(cursed))
        .await
        .unwrap()
        .unwrap();
    watches.watch("app", good).await;
    store.mode("app", Mode::Honest);
    watches.send(Ready::all()).await.unwrap().unwrap();
    pass(5).await;
    assert_eq!(good_received.values(), [Some(1)]);
    assert_eq!(bad_received.values(), [Some(1)]);
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
        one.content_eq(other)
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
        let (bad, bad_received) = Recorder::prompt();
        let (good, good_received) = Recorder::prompt();
        // The first state is compared with nothing.
        let watch = Watch::new(Folder::new("app"), bad).view(view);
        let id = watches.send(watch).await.unwrap().unwrap();
        watches.watch("app", good).await;
        until("both have the first state", || {
            bad_received.shows(1) && good_received.shows(1)
        })
        .await;
        store.put("app", "a", 2);
        // It runs again and again for an hour.
        pass(3600).await;
        assert_eq!((bad_received.count(), good_received.count()), (1, 2));
        assert_eq!(panics(&events), [(id, SubscriberCode::View)]);
        assert_eq!(logs.warnings("panicked").len(), 1);
        let mut value = 3;
        store.put("app", "a", value);
        until("it catches up", || bad_received.shows(value)).await;
        // Neither does one that panics at every other state fill the log.
        for _ in 0..100 {
            store.put("app", "a", 2);
            pass(2).await;
            value += 1;
            store.put("app", "a", value);
            pass(60).await;
        }
        until("it catches up", || bad_received.shows(value)).await;
        let reports = panics(&events).len();
        assert!((2..=110).contains(&reports), "{reports} reports");
        assert_eq!(logs.warnings("panicked").len(), reports);
        assert_eq!(watches.status("app").await.unwrap().restarts, 0);
        tokio::time::resume();
    }
}

/// Panics when it is dropped.
struct PanicsAtItsEnd;

impl Drop for PanicsAtItsEnd {
    fn drop(&mut self) {
        panic!("a panic in `drop`, as the test wants it");
    }
}

#[actix::test]
async fn closures_whose_destructors_panic_harm_nobody() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (good, good_received) = Recorder::prompt();
    watches.watch("app", good).await;
    let watch = |subscriber: &Addr<Recorder>| {
        let (skip, view) = (PanicsAtItsEnd, PanicsAtItsEnd);
        let skip = move |_: &Rows| {
            let _ = &skip;
            false
        };
        let wanted = move |_: &Change<Row>| {
            let _ = &view;
            true
        };
        Watch::new(Folder::new("app"), subscriber.clone())
            .skip_first_when(skip)
            .only(wanted)
    };
    let (bad, bad_received) = Recorder::prompt();
    let id = watches.send(watch(&bad)).await.unwrap().unwrap();
    until("both have the first state", || {
        good_received.shows(1) && bad_received.shows(1)
    })
    .await;
    // Refused, stopped, and gone.
    watches.send(watch(&bad)).await.unwrap().unwrap_err();
    watches.stop(Stop::subscription(id)).await;
    watches.send(watch(&bad)).await.unwrap().unwrap();
    bad.send(crate::common::actors::Leave).await.unwrap();
    pass(10).await;
    store.put("app", "a", 2);
    until("the other gets the next state", || good_received.shows(2)).await;
    let status = watches.status("app").await.unwrap();
    assert_eq!((status.subscribers, status.restarts), (1, 0));
}

/// Rows whose destructor panics while row `a` is even.
#[derive(Debug, Clone)]
struct Fragile(Arc<Rows>);

impl Drop for Fragile {
    fn drop(&mut self) {
        let even = self.0.to_map().get("a").is_some_and(|value| value % 2 == 0);
        assert!(
            !even || Arc::strong_count(&self.0) > 1,
            "a panic in `drop`, as the test wants it"
        );
    }
}

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Snapshot for Fragile {
    type Item = Row;

    fn items(&self) -> &[Arc<Row>] {
        self.0.items()
    }
}

/// A folder as such rows. Its `==` and its `shared_with` panic where its name says so.
#[derive(Debug, Clone)]
struct FragileFolder(&'static str);

impl PartialEq for FragileFolder {
    fn eq(&self, other: &Self) -> bool {
        assert!(self.0 != "incomparable", "a panic, as the test wants it");
        self.0 == other.0
    }
}

impl Eq for FragileFolder {}

impl Hash for FragileFolder {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Query for FragileFolder {
    type Source = Store;
    type Value = Fragile;

    fn path(&self) -> WatchPath {
        WatchPath::new("fragile", self.0)
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }

    fn shared_with(&self) -> Option<&dyn consul_watch_actors::SharedBy<Self>> {
        assert!(self.0 != "unshareable", "a panic, as the test wants it");
        None
    }
}

impl Ask for FragileFolder {
    fn run(
        &self,
        client: &std::rc::Rc<Store>,
        request: Request<Fragile>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Fragile>, Failure>> {
        let answer = client.serve(self.0, self.0, request.cursor, |_, _| true);
        Box::pin(async move {
            let QueryResponse {
                position,
                outcome,
                last_contact,
            } = answer.await?;
            let outcome = match outcome {
                Outcome::Value(rows) => Outcome::Value(Fragile(Arc::new(rows))),
                Outcome::Rejected(reason) => Outcome::Rejected(reason),
                _ => Outcome::Unchanged,
            };
            Ok(QueryResponse {
                position,
                outcome,
                last_contact,
            })
        })
    }
}

/// Writes down the value of row `a`.
struct Listener(Arc<std::sync::Mutex<Vec<u64>>>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<Changed<FragileFolder>> for Listener {
    type Result = ();

    fn handle(&mut self, changed: Changed<FragileFolder>, _: &mut Self::Context) {
        let mut seen = self.0.lock().expect("nothing panics while it is held");
        seen.push(changed.current.0.to_map()["a"]);
    }
}

#[actix::test]
async fn queries_and_values_that_panic_harm_nobody() {
    let store = Store::new();
    let watches = paused(&store);
    store.put("good", "a", 1);
    let (good, good_received) = Recorder::prompt();
    watches.watch("good", good).await;
    for folder in ["incomparable", "unshareable"] {
        store.put(folder, "a", 1);
        let seen = Arc::<std::sync::Mutex<Vec<u64>>>::default();
        let listener = Listener(seen.clone()).start();
        let watch = Watch::new(FragileFolder(folder), listener.clone());
        watches.send(watch).await.unwrap().unwrap();
        for value in 2..10 {
            store.put(folder, "a", value);
            until("the next state", || {
                seen.lock().unwrap().last() == Some(&value)
            })
            .await;
        }
        let status = watches.send(Status::path(folder)).await.unwrap().remove(0);
        assert_eq!((status.restarts, status.subscribers), (0, 1));
        // Another one finds it, or is a watch of its own.
        let other = Listener(Arc::default()).start();
        let watch = Watch::new(FragileFolder(folder), other);
        watches.send(watch).await.unwrap().unwrap();
        store.put(folder, "a", 20);
        until("the last state", || {
            seen.lock().unwrap().last() == Some(&20)
        })
        .await;
        let stopped = watches.stop(Stop::path(folder)).await;
        assert_eq!(stopped.subscriptions, 2);
    }
    assert_eq!(watches.send(Status::all()).await.unwrap().len(), 1);
    store.put("good", "a", 2);
    until("the other watch continues", || good_received.shows(2)).await;
    until("it waits for the next", || store.open() == 1).await;
}
