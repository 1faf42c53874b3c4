//! The connection budget and a server that accepts fewer connections than it has permits.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::time::Duration;

use common::{
    Store,
    budget::{LATEST, POLL_EVERY, Watches, are, watch_all},
    pass, paused,
};
use consul_watch_actors::{ConnectionBudget, Refusal};

const FIRST_WAIT: Duration = Duration::from_secs(1);

fn stage(max: usize, initial: usize) -> (Store, ConnectionBudget, Watches) {
    let budget = ConnectionBudget::new(max)
        .with_poll_interval(POLL_EVERY)
        .with_slow_start(initial, FIRST_WAIT);
    let store = Store::new().with_connection_budget(&budget);
    let watches = paused(&store);
    (store, budget, watches)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("w{n:02}")).collect()
}

#[actix::test]
async fn a_slow_start_gives_out_all_permits_within_seconds() {
    let (store, budget, watches) = stage(20, 2);
    assert_eq!(budget.max(), 2);
    watch_all(&watches, names(20)).await;
    pass(3).await;
    assert_eq!(are(&watches, "live").await.len(), 20);
    assert_eq!((budget.max(), store.most_held()), (20, 20));
}

#[actix::test]
async fn a_watch_that_nobody_queues_behind_grows_nothing() {
    let (_store, budget, watches) = stage(20, 2);
    watch_all(&watches, names(2)).await;
    pass(60).await;
    assert_eq!(budget.max(), 2);
    watch_all(&watches, ["late".to_owned()]).await;
    pass(1).await;
    assert_eq!(are(&watches, "live").await.len(), 3);
}

#[actix::test]
async fn a_refusal_halves_the_budget_and_no_update_is_lost() {
    let (store, budget, watches) = stage(20, 2);
    let all = watch_all(&watches, names(20)).await;
    pass(3).await;
    budget.refused(Refusal::Stated);
    budget.refused(Refusal::Stated);
    assert_eq!(budget.max(), 10, "refusals at once are one");
    // Each query that ends gives its permit back, until there are as many as the budget has.
    for name in names(20) {
        store.put(&name, "a", 1);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(store.held(), 10);
    assert_eq!(are(&watches, "polling").await.len(), 10);
    for name in names(20) {
        store.put(&name, "a", 2);
    }
    pass(LATEST).await;
    assert!(all.iter().all(|(_, sight, _)| sight.shows(2)));
    // It grows again: by one each two seconds at first.
    assert!((12..18).contains(&budget.max()), "{budget:?}");
    pass(60).await;
    assert_eq!(are(&watches, "live").await.len(), 20);
}

#[actix::test]
async fn a_server_that_is_gone_refuses_no_more() {
    let (_store, budget, watches) = stage(20, 8);
    watch_all(&watches, names(20)).await;
    for _ in 0..4 {
        budget.refused(Refusal::Stated);
        pass(2).await;
    }
    assert!(budget.max() < 8, "{budget:?}");
    budget.forget_refusals();
    assert_eq!(budget.max(), 8);
    pass(LATEST).await;
    assert_eq!(are(&watches, "live").await.len(), 20);
}

#[actix::test]
async fn the_first_waits_on_a_permit_are_short() {
    let (store, _budget, watches) = stage(4, 4);
    watch_all(&watches, ["a"]).await;
    for value in 1..6 {
        pass(10).await;
        store.put("a", "a", value);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waits: Vec<_> = store.waits().iter().map(Duration::as_secs).collect();
    assert_eq!(waits, [1, 10, 20, 30, 40, 50]);
}
