//! A budget that several users share has as many permits as the smallest number that one of them allows.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::time::Duration;

use common::{
    Store, SupervisorExt,
    budget::{LATEST, are, watch_all},
    pass, paused, supervisor, until,
};
use consul_watch_actors::{ConnectionBudget, Reset, Stop};

#[actix::test]
async fn two_supervisors_hold_no_more_than_the_smaller_of_their_numbers() {
    let registry = ConnectionBudget::new(5).keep();
    let store = Store::new();
    let many = paused(&store.clone().with_connection_budget(&registry.share(5)));
    watch_all(&many, ["a", "b", "c", "d"]).await;
    assert_eq!(store.held(), 4);

    let few = supervisor(&store.clone().with_connection_budget(&registry.share(2)))
        .arbiters(0)
        .start();
    watch_all(&few, ["e"]).await;
    assert_eq!(are(&few, "polling").await, ["e"], "four are out already");
    assert_eq!(store.held(), 4, "none is taken away");

    // Each permit that is released is one too many, until there is but one.
    for (ended, held) in [("a", 3), ("b", 2)] {
        many.stop(Stop::path(ended)).await;
        pass(LATEST).await;
        assert_eq!((store.held(), registry.available()), (held, 0));
        assert_eq!(are(&few, "polling").await, ["e"]);
    }
    many.stop(Stop::path("c")).await;
    until("the next in line is held", || store.held() == 2).await;
    assert_eq!(are(&few, "live").await, ["e"]);

    // The smaller number holds as long as its supervisor.
    watch_all(&many, ["a", "b", "c"]).await;
    assert_eq!(are(&many, "polling").await.len(), 3);
    drop(few);
    until("there is room again", || {
        (store.held(), registry.available()) == (4, 1)
    })
    .await;
}

#[actix::test]
async fn a_reset_to_another_number_counts_the_queries_of_before() {
    let hold = Duration::from_secs(60);
    let registry = ConnectionBudget::new(3).keep();
    let store = |max| {
        Store::new()
            .with_connection_budget(&registry.share(max))
            .with_hold(hold)
    };
    let watches = paused(&store(3));
    watch_all(&watches, ["a", "b", "c"]).await;
    // With the next number, and how many it leaves without a permit while the server holds those of before.
    for (max, polling) in [(2, 3), (3, 2)] {
        watches
            .send(Reset::with(store(max)))
            .await
            .unwrap()
            .unwrap();
        pass(LATEST).await;
        assert_eq!(are(&watches, "polling").await.len(), polling);
        assert_eq!((registry.max(), registry.available()), (max, 0));
        pass(60).await;
        assert_eq!(are(&watches, "live").await.len(), max);
        assert_eq!(registry.pending_release(), 0);
    }
}
