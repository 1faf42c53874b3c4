//! The permit of a query that was cut off is released when the server drops the query, and not before.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::time::Duration;

use common::{
    Mode, Store, SupervisorExt,
    budget::{LATEST, POLL_EVERY, Watches, are, watch_all},
    pass, paused, until,
};
use consul_watch_actors::{ConnectionBudget, FailureClass, Ready, Reset, Stop};

#[actix::test]
async fn a_permit_is_released_when_the_server_drops_the_query() {
    let hold = Duration::from_secs(60);
    let budget = ConnectionBudget::new(3)
        .with_short_permits(4)
        .with_poll_interval(POLL_EVERY);
    let store = Store::new().with_connection_budget(&budget).with_hold(hold);
    let watches = paused(&store);
    watch_all(&watches, ["a", "b", "c"]).await;
    // Its query was asked again with this, so it is held from now on.
    store.put("a", "a", 1);
    let asked = tokio::time::Instant::now();
    pass(20).await;
    watches.stop(Stop::path("a")).await;
    assert_eq!(
        (store.open(), budget.available(), budget.pending_release()),
        (2, 0, 1),
        "stopped at once"
    );
    let all = watch_all(&watches, ["d"]).await;
    assert_eq!(
        are(&watches, "polling").await,
        ["d"],
        "late, but not too many for the server"
    );
    store.put("d", "a", 7);
    pass(LATEST).await;
    assert!(all[0].1.shows(7), "and not lost");
    watches
        .until_status("d", "live", |status| status.state.is_live())
        .await;
    let held = asked.elapsed();
    assert!(
        held >= hold && held < hold + Duration::from_millis(100),
        "it got its permit after {held:?}"
    );
    assert_eq!((budget.available(), budget.pending_release()), (0, 0));
    // A query that is over keeps nothing: neither by an answer nor by one that says that it failed.
    store.mode("b", Mode::FailFor(Duration::from_secs(3000)));
    store.mode("c", Mode::Fail(FailureClass::Invalid));
    until("they have failed", || budget.available() == 2).await;
    assert_eq!(budget.pending_release(), 0);
}

#[actix::test]
async fn permits_are_released_without_anybody_asking_for_one() {
    let hold = Duration::from_secs(60);
    let budget = ConnectionBudget::new(10)
        .with_short_permits(4)
        .with_poll_interval(POLL_EVERY);
    let store = Store::new().with_connection_budget(&budget).with_hold(hold);
    let watches = paused(&store);
    let names: Vec<_> = (0..10).map(|n| format!("folder{n}")).collect();
    watch_all(&watches, &names).await;
    watches.send(Reset::new()).await.unwrap().unwrap();
    watches.send(Ready::all()).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(
        (
            budget.pending_release(),
            are(&watches, "polling").await.len()
        ),
        (10, 10)
    );
    pass(61).await;
    assert_eq!(
        (budget.pending_release(), are(&watches, "live").await.len()),
        (0, 10)
    );
    drop(watches);
    until("they are cut", || store.open() == 0).await;
    assert_eq!((budget.available(), budget.pending_release()), (0, 10));
    pass(61).await;
    assert_eq!((budget.available(), budget.pending_release()), (10, 0));
}

/// Three folders on three permits, whose connections break while the queries are held.
async fn broken(hold: Duration) -> (Store, ConnectionBudget, Watches) {
    let budget = ConnectionBudget::new(3).with_poll_interval(POLL_EVERY);
    let store = Store::new().with_connection_budget(&budget).with_hold(hold);
    let watches = paused(&store);
    watch_all(&watches, FOLDERS).await;
    assert_eq!((store.held(), budget.pending_release()), (3, 0));
    for folder in FOLDERS {
        store.mode(folder, Mode::Fail(FailureClass::Transient));
    }
    until("all have failed", || store.open() == 0).await;
    for folder in FOLDERS {
        store.mode(folder, Mode::Honest);
    }
    (store, budget, watches)
}

const FOLDERS: [&str; 3] = ["a", "b", "c"];

#[actix::test]
async fn a_query_whose_connection_breaks_keeps_its_permit_until_the_server_drops_it() {
    let (store, budget, watches) = broken(Duration::from_secs(300)).await;
    pass(5).await;
    assert_eq!(
        (budget.pending_release(), store.held()),
        (3, 0),
        "the server still holds three, and no more"
    );
    assert_eq!(
        are(&watches, "polling").await,
        FOLDERS,
        "late, but not too many for the server"
    );
    pass(300).await;
    assert_eq!((budget.pending_release(), store.held()), (0, 3));
    assert_eq!(are(&watches, "live").await, FOLDERS);
}

#[actix::test]
async fn a_server_that_is_gone_holds_no_query() {
    let (store, budget, watches) = broken(Duration::from_secs(300)).await;
    pass(5).await;
    assert_eq!(are(&watches, "polling").await, FOLDERS);
    budget.release_pending();
    until("all are held", || store.held() == 3).await;
    assert_eq!(budget.pending_release(), 0);
}
