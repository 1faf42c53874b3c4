//! Only real changes are delivered.

use std::time::Duration;

use consul_watch::{Key, KeyPrefix, Reason, Watch};
use consul_watch_harness::{
    Cut, DEADLINE, Feed, Fixture, ResponseFault, Rule, TestAgent, eventually_some_async,
    fixture::{impatient, subscribe},
};

#[actix_rt::test]
async fn a_wake_up_by_a_neighbour_is_not_delivered() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(KeyPrefix::new("test")).await;
    feed.next("the first delivery").await;
    // Consul's prefix is a string: `test2` wakes a query of `test`.
    for turn in 0..5 {
        fixture
            .until_woken(|agent| agent.put("test2", turn.to_string()))
            .await;
    }
    fixture.until_woken(|agent| agent.delete("test2")).await;
    fixture.agent.put("test/marker", "x");
    feed.says(&["added test/marker=x"]).await;
}

#[actix_rt::test]
async fn a_wait_that_ends_without_a_change_is_not_delivered() {
    let fixture = Fixture::of(TestAgent::dev(), impatient);
    fixture.agent.put("k", "1");
    let mut key = fixture.watch(Key::new("k")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("k")).await;
    key.says(&["added k=1"]).await;
    prefix.says(&["added k=1"]).await;
    let before = fixture.proxy.stats().requests;
    fixture
        .proxy
        .until(DEADLINE, "waits to end", |stats| {
            stats.requests >= before + 6
        })
        .await;
    fixture.agent.put("k", "2");
    key.says(&["updated k=1→2"]).await;
    prefix.says(&["updated k=1→2"]).await;
}

/// Consul ignores a write that changes nothing, but not a write that restores the old value between two queries.
#[actix_rt::test]
async fn a_restored_value_is_a_change_only_to_a_view_of_every_write() {
    let fixture = Fixture::dev();
    fixture.agent.put("k", "1");
    let mut plain = fixture.watch(Key::new("k")).await;
    let every_write = |watch: Watch<Key>| watch.project(|pair| pair.modify_index);
    let mut written = subscribe(
        &fixture.watches,
        Key::new("k"),
        Feed::start().projected(),
        every_write,
    )
    .await;
    plain.says(&["added k=1"]).await;
    let mut index = written.says(&["added k=1"]).await.index;
    fixture.agent.put("k", "1");
    for _ in 0..3 {
        fixture.cut_off();
        fixture.agent.put("k", "2");
        fixture.agent.put("k", "1");
        fixture.proxy.pass();
        let changed = written.says(&["updated k=1→1"]).await;
        assert!(changed.index > index);
        index = changed.index;
    }
    fixture.agent.put("k", "3");
    plain.says(&["updated k=1→3"]).await;
    written.says(&["updated k=1→3"]).await;
}

#[actix_rt::test]
async fn a_lock_and_its_release_are_changes_but_not_of_the_value() {
    let fixture = Fixture::dev();
    fixture.agent.put("k", "1");
    let mut pair = fixture.watch(Key::new("k")).await;
    let value = |watch: Watch<Key>| watch.project(|pair| pair.value.clone());
    let mut value = subscribe(
        &fixture.watches,
        Key::new("k"),
        Feed::start().projected(),
        value,
    )
    .await;
    pair.says(&["added k=1"]).await;
    value.says(&["added k=1"]).await;

    // The agent's node is in the catalog some moments after the agent is ready.
    let session = eventually_some_async(DEADLINE, "a session", || {
        let made = fixture.agent.request("PUT", "/v1/session/create", &[], b"");
        let made: serde_json::Value = serde_json::from_slice(&made.body).ok()?;
        made["ID"].as_str().map(str::to_owned)
    })
    .await;
    fixture
        .agent
        .request("PUT", &format!("/v1/kv/k?acquire={session}"), &[], b"1");
    let locked = pair.says(&["updated k=1→1"]).await;
    let locked = locked.current.as_ref().as_ref().expect("it is there");
    assert_eq!(
        (locked.session.as_deref(), locked.lock_index),
        (Some(&*session), 1)
    );
    fixture
        .agent
        .request("PUT", &format!("/v1/kv/k?release={session}"), &[], b"1");
    let released = pair.says(&["updated k=1→1"]).await;
    assert_eq!(
        released
            .current
            .as_ref()
            .as_ref()
            .expect("it is there")
            .session,
        None
    );

    fixture.agent.put("k", "2");
    pair.says(&["updated k=1→2"]).await;
    value.says(&["updated k=1→2"]).await;
}

#[actix_rt::test]
async fn a_view_gets_only_the_changes_it_wants() {
    let fixture = Fixture::dev();
    let only_ports =
        |watch: Watch<KeyPrefix>| watch.only(|change| change.item().key.ends_with("port"));
    let feed = Feed::start().projected();
    let mut ports = subscribe(&fixture.watches, KeyPrefix::new("app"), feed, only_ports).await;
    ports.next("the first delivery").await;
    fixture
        .until_woken(|agent| agent.put("app/host", "a"))
        .await;
    fixture.agent.put("app/port", "1");
    ports.says(&["added app/port=1"]).await;
}

#[actix_rt::test]
async fn a_reconnect_repeats_nothing() {
    let fixture = Fixture::dev();
    fixture.agent.put("k/a", "1");
    let mut key = fixture.watch(Key::new("k/a")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("k")).await;
    key.says(&["added k/a=1"]).await;
    prefix.says(&["added k/a=1"]).await;
    let mut old = "1".to_owned();
    for (turn, how) in [Cut::Reset, Cut::Fin, Cut::Fin, Cut::Reset, Cut::Reset]
        .into_iter()
        .enumerate()
    {
        for path in ["key:k/a", "keyprefix:k"] {
            let before = fixture.status(path).await.restarts;
            // A cut between two requests goes unnoticed.
            while fixture.status(path).await.restarts == before {
                fixture.proxy.cut(how);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        for path in ["key:k/a", "keyprefix:k"] {
            fixture.until_live(path).await;
        }
        let new = format!("turn {turn}");
        fixture.agent.put("k/a", &new);
        let expected = format!("updated k/a={old}→{new}");
        key.says(&[&expected]).await;
        prefix.says(&[&expected]).await;
        old = new;
    }
}

/// Consul's index falls when its data was restored or lost; a proxy plays that here.
#[actix_rt::test]
async fn an_index_that_falls_repeats_nothing_and_loses_nothing() {
    let fixture = Fixture::dev();
    fixture.agent.put("test/a", "1");
    let mut feed = fixture.watch(KeyPrefix::new("test")).await;
    feed.says(&["added test/a=1"]).await;
    let mut old = "1".to_owned();
    for (turn, index) in [1, 0, 2].into_iter().enumerate() {
        fixture
            .proxy
            .inject(Rule::next(turn + 1, ResponseFault::index(index)));
        fixture
            .until_woken(|agent| agent.put("test2", turn.to_string()))
            .await;
        let new = format!("x{turn}");
        fixture.agent.put("test/a", &new);
        feed.says(&[&format!("updated test/a={old}→{new}")]).await;
        old = new;
    }
    // A change and a fall in one answer.
    fixture.proxy.inject(Rule::next(1, ResponseFault::index(1)));
    fixture.agent.put("test/a", "end");
    feed.says(&[&format!("updated test/a={old}→end")]).await;
    fixture.agent.put("test/marker", "x");
    feed.says(&["added test/marker=x"]).await;
}

#[actix_rt::test]
async fn an_agent_that_comes_back_empty_removes_what_is_really_gone() {
    let fixture = Fixture::dev();
    for turn in 0..50 {
        fixture.agent.put("elsewhere", turn.to_string());
    }
    fixture.agent.put("app/a", "1");
    fixture.agent.put("app/b", "2");
    let mut key = fixture.watch(Key::new("app/a")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
    key.says(&["added app/a=1"]).await;
    let before = prefix.says(&["added app/a=1", "added app/b=2"]).await;
    fixture.agent.restart_empty();
    assert_eq!(key.says(&["removed app/a=1"]).await.reason, Reason::Resync);
    let gone = prefix.says(&["removed app/a=1", "removed app/b=2"]).await;
    assert_eq!(gone.reason, Reason::Resync);
    assert!(
        gone.index < before.index,
        "the index fell: {} after {}",
        gone.index,
        before.index
    );
    fixture.agent.put("app/a", "1");
    key.says(&["added app/a=1"]).await;
    prefix.says(&["added app/a=1"]).await;
}

#[actix_rt::test]
async fn the_subscribers_of_one_path_share_one_connection() {
    let fixture = Fixture::dev();
    let mut feeds = Vec::new();
    for _ in 0..5 {
        feeds.push(fixture.watch(KeyPrefix::new("app")).await);
    }
    for feed in &mut feeds {
        feed.next("the first delivery").await;
    }
    for turn in 0..3 {
        fixture.agent.put("app/k", turn.to_string());
        for feed in &mut feeds {
            feed.next("a change").await;
        }
    }
    let stats = fixture.proxy.stats();
    assert_eq!((stats.open, stats.accepted), (1, 1), "{stats:?}");
    assert_eq!(fixture.status("app").await.subscribers, 5);
}
