//! Removals under a wide query: the member's own query confirms them, and no other change waits for that.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::{any::Any, rc::Rc, sync::Arc, time::Duration};

use common::{
    Events, Folder, Mode, Part, Recorder, Rows, Store, pass,
    shared::{follow, rooted, rooted_on, row, store_of, until_state},
    until,
};
use consul_watch_actors::{
    Ask, Evaluation, Extracted, Failure, FailureClass, Input, KeySelector, Outcome, Query,
    QueryResponse, Request, SharedBy, Watch, WatchPath,
};
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

#[actix::test]
async fn an_entry_hidden_from_the_wide_query_is_not_removed() {
    let store = store_of(["a", "b"]);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _b, b) = follow(&watches, &row("b")).await;
    store.mode("app/b", Mode::Fail(FailureClass::Denied));
    store.hide("app", "a", true);
    store.hide("app", "b", true);
    pass(5).await;
    store.put("app", "a", 2);
    until("it asks on its own for what it alone may read", || {
        a.shows(2)
    })
    .await;
    assert_eq!(a.values(), [Some(1), Some(2)]);
    until_state(&watches, &row("b"), "retrying").await;
    assert_eq!(b.count(), 1, "nobody knows whether it is there");
    store.mode("app/b", Mode::Honest);
    store.put("app", "b", 2);
    until("it is there", || b.count() == 2).await;
    // Hidden from the first.
    let (_, _late, late) = follow(&watches, &row("a")).await;
    assert_eq!(late.values(), [Some(2)]);
}

#[actix::test]
async fn a_failing_confirmation_keeps_its_pace_and_delays_no_other_change() {
    let store = store_of(["a1", "a2"]);
    let watches = rooted(&store);
    let part = Part::under("app", "a");
    let (_, _subscriber, received) = follow(&watches, &part).await;
    store.mode("app/a*", Mode::FailFor(Duration::from_secs(20)));
    store.delete("app", "a1");
    for value in 0..1000 {
        store.put("app", "a2", value);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(store.asked("app/a*").len(), 1, "a pause was asked for");
    assert!(received.last().unwrap().rows["a2"] > 900 && received.last().unwrap().rows["a1"] == 1);
    let count = received.count();
    store.mode("app/a*", Mode::Honest);
    until("the latest arrives", || {
        received.last().unwrap().rows == store.rows("app")
    })
    .await;
    assert_eq!(received.count(), count + 1);
    assert_eq!(received.last().unwrap().changes, ["removed a1"]);
}

#[actix::test]
async fn ceaseless_writes_hide_no_removal() {
    let store = store_of(["a", "b"]);
    // Each list is older than what the query itself is answered.
    store.set_latency(Duration::from_millis(7));
    let watches = rooted(&store);
    let (_, _subscriber, received) = follow(&watches, &Part::under("app", "")).await;
    store.delete("app", "a");
    let mut value = 0;
    while received.values().last() != Some(&None) {
        value += 1;
        assert!(
            value < 10_000,
            "it is not notified within 20 s: {:?}",
            store.asked("app/*").len()
        );
        store.put("app", "b", value);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(store.asked("app/*").len() < 20);
}

/// The rows under a text as a struct that must have the row `must`, as a decoded prefix is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Strict(Part);

#[derive(Debug, thiserror::Error)]
#[error("the field `must` is missing")]
struct Missing;

fn decoded(outcome: Outcome<Rows>) -> Outcome<Rows> {
    match outcome {
        Outcome::Value(rows) if !rows.0.iter().any(|row| row.key.ends_with("must")) => {
            Outcome::Rejected(Arc::new(Missing))
        }
        other => other,
    }
}

impl Query for Strict {
    type Source = Store;
    type Value = Rows;

    fn path(&self) -> WatchPath {
        WatchPath::new("strict", self.0.name())
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }

    fn shared_with(&self) -> Option<&dyn SharedBy<Self>> {
        Some(self)
    }
}

impl Ask for Strict {
    fn run(
        &self,
        client: &Rc<Store>,
        request: Request<Rows>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Rows>, Failure>> {
        let answer = self.0.run(client, request);
        Box::pin(async move {
            let mut answer = answer.await?;
            answer.outcome = decoded(answer.outcome);
            Ok(answer)
        })
    }
}

impl SharedBy<Self> for Strict {
    fn wider_queries(&self) -> Vec<Input<Self>> {
        vec![Input::of(Folder::new("app"))]
    }

    fn key_selector(&self, store: &Store) -> KeySelector {
        self.0.key_selector(store)
    }

    fn extract(
        &self,
        store: &Store,
        whole: &dyn Any,
        index: u64,
        previous: Option<&Rows>,
    ) -> Option<Extracted<Rows>> {
        let mut part = self.0.extract(store, whole, index, previous)?;
        part.outcome = decoded(part.outcome);
        Some(part)
    }
}

#[actix::test]
async fn two_rejections_agree_about_a_removal() {
    let store = store_of(["web/must", "web/more", "other"]);
    let watches = rooted(&store);
    let (_, _other, _) = follow(&watches, &row("other")).await;
    let (subscriber, received) = Recorder::prompt();
    let (observer, events) = Events::start_new();
    let query = Strict(Part::under("app", "web/"));
    let watch = Watch::new(query.clone(), subscriber).observer(observer);
    watches.send(watch).await.unwrap().unwrap();
    until("the first state arrives", || received.count() == 1).await;
    store.forget();
    let start = Instant::now();
    store.delete("app", "web/must");
    until("it is rejected", || events.names().contains(&"rejected")).await;
    assert!(start.elapsed() < Duration::from_secs(1));
    let own = store.asked(&query.0.name());
    assert_eq!(own.len(), 1, "one query confirms it");
    pass(60).await;
    assert_eq!(store.held(), 1, "the root still serves it");
    store.put("app", "web/must", 2);
    until("it can be read again", || received.count() == 2).await;
}

/// One row of a folder is removed while another one is written about as often as a query takes.
async fn removal_in_a_busy_folder(every: Duration, latency: Duration) {
    let store = store_of(["web/count", "web/a", "other"]);
    let watches = rooted_on(0, &store);
    let (_, _other, _) = follow(&watches, &row("other")).await;
    let (_, _web, received) = follow(&watches, &Part::under("app", "web/")).await;
    store.set_latency(latency);
    let writer = {
        let store = store.clone();
        actix::spawn(async move {
            for n in 2.. {
                store.put("app", "web/count", n);
                tokio::time::sleep(every).await;
            }
        })
    };
    pass(5).await;
    let removed = || {
        let all = received.all();
        let mut changes = all.iter().flat_map(|seen| &seen.changes);
        changes.any(|change| change == "removed web/a")
    };
    store.delete("app", "web/a");
    let (start, mut last, mut count) = (Instant::now(), Instant::now(), received.count());
    let mut longest = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if received.count() > count {
            longest = longest.max(last.elapsed());
            (last, count) = (Instant::now(), received.count());
        }
    }
    writer.abort();
    assert!(removed(), "the removal is delivered");
    let most = every + Duration::from_millis(200);
    assert!(longest < most, "no update for {longest:?}");
    pass(5).await;
    assert_eq!(store.held(), 1, "the root still serves it");
    assert!(store.asked("app/web/*").len() < 8);
}

#[actix::test]
async fn a_removal_in_a_busy_folder_delays_nothing_and_keeps_the_root() {
    tokio::time::pause();
    for (every, latency) in [(1000, 5), (20, 5), (5, 5), (5, 1), (2, 5)] {
        let (every, latency) = (Duration::from_millis(every), Duration::from_millis(latency));
        removal_in_a_busy_folder(every, latency).await;
    }
}

#[actix::test]
async fn a_pause_that_is_asked_for_is_an_hour_at_most() {
    let store = store_of(["a"]);
    let watches = rooted(&store);
    let (_, _a, received) = follow(&watches, &row("a")).await;
    store.mode("app/a", Mode::FailFor(Duration::from_secs(30 * 24 * 3600)));
    store.delete("app", "a");
    pass(10).await;
    store.mode("app/a", Mode::Honest);
    pass(3600).await;
    assert_eq!(
        received.count(),
        2,
        "the removal is delivered within the hour"
    );
}
