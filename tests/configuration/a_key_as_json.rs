//! A key's JSON is delivered as a value; what cannot be read is told, and the last good one stays.

use consul_watch::{Key, Observe};

use crate::{recorder::Feed, stage::Stage};

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Limits {
    connections: u32,
    #[serde(default)]
    burst: u32,
}

#[actix::test]
async fn good_values_are_delivered_and_bad_ones_are_told() {
    let stage = Stage::dev();
    let mut events = crate::a_folder_as_a_struct::Events::start();
    stage
        .watches
        .send(Observe::all(events.address.clone()))
        .await
        .unwrap();
    let mut feed: Feed<_> = stage.watch(Key::new("limits").json::<Limits>()).await;

    assert!(feed.next("absence").await.current.is_none());
    stage.agent.put("limits", br#"{"connections": 5}"#);
    let changed = feed.next("the first value").await;
    assert_eq!(
        changed.current.as_deref().map(|limits| limits.connections),
        Some(5)
    );

    stage.agent.put("limits", br#"{"connections": "hunter2"}"#);
    let told = events.rejection().await;
    assert!(
        told.contains("`limits`") && told.contains("`connections`") && told.contains("u32"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "the value is not shown: {told}");

    // Another way to write the last good value is no news, so this marker is the next delivery.
    stage
        .agent
        .put("limits", br#"{ "connections": 5, "burst": 0 }"#);
    stage.agent.put("limits", br#"{"connections": 6}"#);
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

    stage.agent.delete("limits");
    assert!(feed.next("the removal").await.current.is_none());
}

#[actix::test]
async fn a_type_of_its_own_is_a_watch_of_its_own() {
    let stage = Stage::dev();
    stage.agent.put("n", b"7");
    let mut number = stage.watch(Key::new("n").json::<u32>()).await;
    let mut text = stage.watch(Key::new("n").json::<serde_json::Value>()).await;
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
