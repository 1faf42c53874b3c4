//! A key's JSON is delivered as a value; an invalid one is reported, and the last good one stays.

use consul_watch::Key;
use consul_watch_harness::{Events, Feed, Fixture};

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Limits {
    connections: u32,
    #[serde(default)]
    burst: u32,
}

#[actix::test]
async fn good_values_are_delivered_and_bad_ones_are_reported() {
    let fixture = Fixture::dev();
    let mut events = Events::of(&fixture.watches).await;
    let mut feed: Feed<_> = fixture.watch(Key::new("limits").json::<Limits>()).await;

    assert!(feed.next("absence").await.current.is_none());
    fixture.agent.put("limits", br#"{"connections": 5}"#);
    let changed = feed.next("the first value").await;
    assert_eq!(
        changed.current.as_deref().map(|limits| limits.connections),
        Some(5)
    );

    fixture
        .agent
        .put("limits", br#"{"connections": "hunter2"}"#);
    let told = events.rejection().await;
    assert!(
        told.contains("`limits`") && told.contains("`connections`") && told.contains("u32"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "the value is not shown: {told}");

    // Another spelling of the last good value is no change, so the marker is the next delivery.
    fixture
        .agent
        .put("limits", br#"{ "connections": 5, "burst": 0 }"#);
    fixture.agent.put("limits", br#"{"connections": 6}"#);
    let changed = feed.next("the next good value").await;
    let old = changed
        .previous
        .as_ref()
        .and_then(|previous| previous.as_deref().map(|limits| limits.connections));
    assert_eq!(
        (
            old,
            changed.current.as_deref().map(|limits| limits.connections)
        ),
        (Some(5), Some(6))
    );

    fixture.agent.delete("limits");
    assert!(feed.next("the removal").await.current.is_none());
}

#[actix::test]
async fn each_type_is_a_watch_of_its_own() {
    let fixture = Fixture::dev();
    fixture.agent.put("n", b"7");
    let mut number = fixture.watch(Key::new("n").json::<u32>()).await;
    let mut text = fixture
        .watch(Key::new("n").json::<serde_json::Value>())
        .await;
    assert_eq!(
        number
            .next("as a number")
            .await
            .current
            .as_deref()
            .map(|n| **n),
        Some(7)
    );
    assert_eq!(
        text.next("as JSON")
            .await
            .current
            .as_deref()
            .map(|n| (**n).clone()),
        Some(7.into())
    );
}
