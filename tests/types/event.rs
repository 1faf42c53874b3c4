//! `event`.

use consul_watch::Event;
use consul_watch_harness::{Canned, Feed, Fixture, ResponseFault, Rule};
use serde_json::Value;

use crate::fixture::{settle, start};

/// Fires an event and returns its id.
fn fire(fixture: &Fixture, name: &str, payload: &str) -> String {
    let reply = fixture.agent.request(
        "PUT",
        &format!("/v1/event/fire/{name}"),
        &[],
        payload.as_bytes(),
    );
    let event: Value = serde_json::from_slice(&reply.body).expect("an event");
    event["ID"].as_str().expect("its id").to_owned()
}

async fn ids(feed: &mut Feed<Event>) -> Vec<String> {
    let changed = feed.next("events").await;
    assert!(
        changed
            .changes()
            .iter()
            .all(|change| change.old().is_none()),
        "events are only ever added"
    );
    changed
        .changes()
        .iter()
        .map(|change| change.item().id.clone())
        .collect()
}

#[actix_rt::test]
async fn each_event_is_delivered_once_though_the_index_goes_up_and_down() {
    let fixture = start();
    let mut feed = fixture.watch(Event::any()).await;
    assert!(feed.next("the first value").await.current.kept().is_empty());
    let (mut last, mut fell) = (0, 0);
    for turn in 0..20 {
        let id = fire(&fixture, "deploy", &turn.to_string());
        let changed = feed.next("an event").await;
        let changes = changed.changes();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0].item().id, id);
        assert_eq!(
            changes[0].item().payload.as_str(),
            Some(turn.to_string().as_str())
        );
        assert_eq!(changed.current.since(changed.previous.as_deref()).len(), 1);
        fell += usize::from(changed.index < last);
        last = changed.index;
    }
    // Each index falls with a probability of one half: none among twenty falls once in a million runs.
    assert!(fell > 0, "the index of events is not monotonic");
}

#[actix_rt::test]
async fn the_first_delivery_is_the_list_of_the_agent() {
    let fixture = start();
    let mut before = fixture.watch(Event::any()).await;
    before.next("the first value").await;
    let fired = [fire(&fixture, "deploy", "<&>"), fire(&fixture, "empty", "")];
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.extend(ids(&mut before).await);
    }
    seen.sort();
    let mut expected = fired.clone();
    expected.sort();
    assert_eq!(seen, expected);
    let mut late = fixture.watch(Event::named("deploy")).await;
    assert_eq!(ids(&mut late).await, [fired[0].clone()]);
    let mut all = fixture.watch(Event::any()).await;
    let changed = all.next("the first value").await;
    let sent = fixture.agent.get_json("/v1/event/list");
    assert_eq!(serde_json::to_value(&*changed.current).unwrap(), sent);
    assert_eq!(changed.current.since(None).len(), 2);
    assert!(
        changed
            .current
            .kept()
            .iter()
            .all(|event| event.extra.is_empty())
    );
}

#[actix_rt::test]
async fn only_events_of_the_name_are_delivered() {
    let fixture = start();
    let mut feed = fixture.watch(Event::named("deploy")).await;
    feed.next("the first value").await;
    fire(&fixture, "other", "");
    let id = fire(&fixture, "deploy", "");
    assert_eq!(ids(&mut feed).await, [id]);
}

#[actix_rt::test]
async fn an_event_is_delivered_once_across_a_restart_of_the_agent() {
    let fixture = start();
    let mut feed = fixture.watch(Event::any()).await;
    feed.next("the first value").await;
    let first = fire(&fixture, "deploy", "one");
    assert_eq!(ids(&mut feed).await, [first]);
    let told = fixture.agent.request("GET", "/v1/event/list", &[], b"");
    fixture.agent.restart_empty();
    settle(&fixture.agent);
    // The agent has forgotten everything; then its old answer comes again.
    let index = told.header("X-Consul-Index").expect("an index");
    let again = Canned::new(200, told.body.clone()).header("X-Consul-Index", index);
    fixture
        .proxy
        .inject(Rule::next(2, ResponseFault::Replace(again)).for_target("/v1/event/list"));
    let second = fire(&fixture, "deploy", "two");
    assert_eq!(
        ids(&mut feed).await,
        [second],
        "the marker is the next, and alone"
    );
}

#[actix_rt::test]
async fn an_unknown_name_is_an_empty_list_and_not_an_error() {
    let fixture = start();
    let mut feed = fixture.watch(Event::named("a b&c=d")).await;
    assert!(feed.next("the first value").await.current.kept().is_empty());
    fixture.until_state("event:a b&c=d", "live").await;
}
