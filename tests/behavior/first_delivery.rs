//! A subscriber is first told how things stand; then what changes, in order.

use consul_watch::{Key, KeyPrefix, Reason, Watch, WatchError};
use consul_watch_harness::{Feed, Fixture, fixture::subscribe, state};

#[actix_rt::test]
async fn what_is_absent_is_delivered_as_absent() {
    let fixture = Fixture::dev();
    let mut key = fixture.watch(Key::new("app/port")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
    let first = key.next("an absent key").await;
    assert!(
        first.current.is_none() && first.changes().is_empty(),
        "{first:?}"
    );
    assert_eq!(
        (first.reason, first.coalesced, first.previous_index),
        (Reason::First, 0, None)
    );
    assert!(first.index > 0, "an absent key has an index to wait from");
    let first = prefix.next("an empty prefix").await;
    assert!(
        first.current.is_empty() && first.changes().is_empty(),
        "{first:?}"
    );

    fixture.agent.put("app/port", "1");
    key.says(&["added app/port=1"]).await;
    prefix.says(&["added app/port=1"]).await;
}

#[actix_rt::test]
async fn what_is_there_is_delivered_first_and_as_added() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/host", "a");
    fixture.agent.put("app/port", "1");
    let mut key = fixture.watch(Key::new("app/port")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
    assert_eq!(key.says(&["added app/port=1"]).await.reason, Reason::First);
    let first = prefix.says(&["added app/host=a", "added app/port=1"]).await;
    assert_eq!(
        (first.reason, first.previous.is_none()),
        (Reason::First, true)
    );
    assert_eq!(
        first.index,
        fixture
            .agent
            .entry("app/port")
            .expect("written")
            .modify_index
    );
}

#[actix_rt::test]
async fn changes_come_in_order_with_what_was_before() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    let mut before = feed.next("the first delivery").await;
    let mut old = "added app/n=0".to_owned();
    for turn in 0..20 {
        fixture.agent.put("app/n", turn.to_string());
        let changed = feed.says(&[&old]).await;
        assert_eq!((changed.reason, changed.coalesced), (Reason::Change, 0));
        assert_eq!(changed.previous_index, Some(before.index));
        assert!(changed.index > before.index, "{changed:?} after {before:?}");
        assert_eq!(
            changed.index,
            fixture.agent.entry("app/n").expect("written").modify_index
        );
        assert_eq!(changed.subscription, feed.subscription);
        old = format!("updated app/n={turn}→{}", turn + 1);
        before = changed;
    }
}

#[actix_rt::test]
async fn a_late_subscriber_is_handed_the_current_value_without_asking_consul() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/port", "1");
    let mut early = fixture.watch(KeyPrefix::new("app")).await;
    early.says(&["added app/port=1"]).await;
    fixture.agent.put("app/port", "2");
    let known = early.says(&["updated app/port=1→2"]).await;

    // What is in memory needs no network.
    fixture.proxy.silence();
    let mut late = fixture.watch(KeyPrefix::new("app")).await;
    let first = late.says(&["added app/port=2"]).await;
    assert_eq!((first.reason, first.index), (Reason::First, known.index));
    fixture.proxy.pass();

    fixture.agent.put("app/port", "3");
    early.says(&["updated app/port=2→3"]).await;
    late.says(&["updated app/port=2→3"]).await;
}

#[actix_rt::test]
async fn who_wants_changes_only_is_not_told_the_first_state() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/port", "1");
    let new = Feed::start().of_changes_only();
    let mut new = subscribe(
        &fixture.watches,
        KeyPrefix::new("app"),
        new,
        Watch::changes_only,
    )
    .await;
    fixture.ready().await;
    let joined = Feed::start().of_changes_only();
    let mut joined = subscribe(
        &fixture.watches,
        KeyPrefix::new("app"),
        joined,
        Watch::changes_only,
    )
    .await;
    fixture.agent.put("app/port", "2");
    for feed in [&mut new, &mut joined] {
        let changed = feed.says(&["updated app/port=1→2"]).await;
        assert_eq!(changed.reason, Reason::Change);
        assert_eq!(
            state(&**changed.previous.as_ref().expect("what was skipped"))["app/port"],
            b"1"
        );
    }
}

#[actix_rt::test]
async fn the_same_actor_is_not_subscribed_twice_to_one_path() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(Key::new("k")).await;
    feed.next("the first delivery").await;
    let again = fixture
        .watches
        .send(Watch::new(Key::new("k"), feed.address.clone()))
        .await;
    match again.expect("the supervisor runs") {
        Err(WatchError::AlreadyWatching { path, subscription }) => {
            assert_eq!(
                (path.to_string().as_str(), subscription),
                ("key:k", feed.subscription)
            );
        }
        other => panic!("a second subscription of one actor: {other:?}"),
    }
    fixture.agent.put("k", "v");
    feed.says(&["added k=v"]).await;
}
