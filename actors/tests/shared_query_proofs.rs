//! Removals that the wide query proves: its members report them without queries of their own.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use common::{
    Mode, Part, Store, pass,
    shared::{follow, rooted, row, store_of, until_state},
    until,
};
use consul_watch_actors::{FailureClass, Reset};

const ROWS: usize = 200;

#[actix::test]
async fn removals_that_the_wide_query_proves_cost_no_query() {
    let store = Store::new().with_proofs();
    let keys: Vec<_> = (0..ROWS).map(|n| format!("k{n:03}")).collect();
    for key in &keys {
        store.put("app", key, 1);
    }
    let watches = rooted(&store);
    let mut members = Vec::new();
    for key in &keys {
        members.push(follow(&watches, &row(key)).await);
    }
    members.push(follow(&watches, &Part::under("app", "k")).await);
    store.forget();
    for key in &keys {
        store.delete("app", key);
    }
    until("all removals are delivered", || {
        members
            .iter()
            .all(|(_, _, received)| received.last().unwrap().rows.is_empty())
    })
    .await;
    let own = store.all_asked();
    let own: Vec<_> = own.iter().filter(|asked| asked.folder != "app").collect();
    assert!(own.is_empty(), "{} queries of members", own.len());
    for (_, _, received) in &members[..ROWS] {
        assert_eq!(received.count(), 2);
    }
    // One that comes back and goes again.
    for count in [3, 5] {
        store.put("app", "k007", count);
        until("it is there again", || {
            members[7].2.count() == usize::try_from(count).unwrap()
        })
        .await;
        store.delete("app", "k007");
        until("it is gone again", || {
            members[7].2.last().unwrap().rows.is_empty()
        })
        .await;
    }
    assert!(store.all_asked().iter().all(|asked| asked.folder == "app"));
}

#[actix::test]
async fn a_row_that_the_wide_value_never_had_is_confirmed() {
    let store = store_of(["a", "b"]).with_proofs();
    store.hide("app", "a", true);
    let watches = rooted(&store);
    let (_, _b, b) = follow(&watches, &row("b")).await;
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _part, part) = follow(&watches, &Part::under("app", "a")).await;
    // It leaves the shared query, and comes back with what it has read.
    pass(120).await;
    assert_eq!((a.values(), part.count()), (vec![Some(1)], 1));
    store.mode("app/a", Mode::Fail(FailureClass::Denied));
    pass(1200).await;
    until_state(&watches, &row("a"), "retrying").await;
    assert_eq!(a.values(), [Some(1)], "nobody knows whether it is there");
    store.mode("app/a", Mode::Honest);
    store.delete("app", "a");
    pass(1200).await;
    assert_eq!(a.values(), [Some(1), None]);
    store.put("app", "b", 2);
    until("the other one continues", || {
        b.last().unwrap().rows["b"] == 2
    })
    .await;
}

#[actix::test]
async fn rows_of_another_source_are_confirmed() {
    let store = store_of(["a"]).with_proofs();
    store.put("app", "xa", 2);
    store.hide("app", "xa", true);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    store.mode("app/a", Mode::Fail(FailureClass::Denied));
    let other = Reset::with(store.clone().with_prefix("x"));
    watches.send(other).await.unwrap().unwrap();
    until_state(&watches, &row("a"), "retrying").await;
    assert_eq!(a.values(), [Some(1)], "the wide value never had this row");
    store.mode("app/a", Mode::Honest);
    until("its row is shown", || {
        a.last().unwrap().rows.get("xa") == Some(&2)
    })
    .await;
    assert_eq!(a.count(), 2);
}
