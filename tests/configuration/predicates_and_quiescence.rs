//! Predicates, which choose the changes of a subscription, and quiescence, which delays them until a quiet period.

use std::time::Duration;

use consul_watch::{ChangeKind, KeyPrefix, Quiescence};
use consul_watch_harness::{Feed, Fixture, fixture::subscribe};

#[actix::test]
async fn only_the_changes_that_were_asked_for() {
    let fixture = Fixture::dev();
    let only_removals = |watch: consul_watch::Watch<KeyPrefix>| {
        watch.only(|change| {
            change.kind() == ChangeKind::Removed && change.item().key.starts_with("app/a")
        })
    };
    let mut feed = subscribe(
        &fixture.watches,
        KeyPrefix::new("app"),
        Feed::start().projected(),
        only_removals,
    )
    .await;
    feed.next("the first value always comes").await;
    for key in ["app/a.conf", "app/b.txt"] {
        fixture.agent.put(key, b"1");
    }
    fixture.agent.delete("app/b.txt");
    let mut all = fixture.watch(KeyPrefix::new("app")).await;
    all.until("that the keys were seen", |changed| {
        changed.current.len() == 1
    })
    .await;
    fixture.agent.delete("app/a.conf");
    // It did not get the key, and gets its removal.
    feed.says(&["removed app/a.conf=1"]).await;
}

#[actix::test]
async fn a_burst_is_one_delivery_after_a_quiet_period() {
    let fixture = Fixture::dev();
    let quiet = Quiescence::new(Duration::from_millis(400)).with_max_wait(Duration::from_secs(20));
    let mut feed = subscribe(
        &fixture.watches,
        KeyPrefix::new("app"),
        Feed::start(),
        |watch| watch.quiescence(quiet),
    )
    .await;
    feed.next("the first value at once").await;
    for value in 0..20 {
        fixture.agent.put("app/a", value.to_string());
    }
    let changed = feed
        .until("the last state", |changed| {
            changed.current[0].value.as_deref() == Some(b"19")
        })
        .await;
    assert!(
        changed.len() < 20,
        "a burst was delivered in {} parts",
        changed.len()
    );
}
