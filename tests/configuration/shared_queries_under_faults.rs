//! Keys and prefixes that share a wider query, when it is denied, fails, or moves.

use consul_watch::{EventKind, FailureClass, Key, KeyPrefix, Reason, Reset};
use consul_watch_harness::{Canned, Events, Fixture, ResponseFault, Rule};

use crate::shared_queries::watched;

#[actix::test]
async fn a_key_that_only_the_root_may_not_read_has_its_own_query() {
    let fixture = Fixture::dev().with_root(KeyPrefix::new("app"));
    fixture.proxy.inject(
        Rule::always(ResponseFault::Replace(Canned::new(
            403,
            "Permission denied",
        )))
        .for_target("recurse"),
    );
    fixture.agent.put("app/a", "1");
    let mut a = fixture.watch(Key::new("app/a")).await;
    let mut b = fixture.watch(Key::new("app/b")).await;
    a.says(&["added app/a=1"]).await;
    assert!(b.next("that it is not there").await.current.is_none());
    fixture.until_live("key:app/a").await;
    fixture.agent.put("app/b", "1");
    b.says(&["added app/b=1"]).await;
    fixture.agent.put("app/a", "2");
    a.says(&["updated app/a=1→2"]).await;
    assert_eq!(
        watched(&fixture).await,
        [
            "key:app/a live 1",
            "key:app/b live 1",
            "keyprefix:app retrying 0"
        ]
    );
}

#[actix::test]
async fn a_key_that_the_root_hides_is_not_removed() {
    let fixture = Fixture::dev().with_root(KeyPrefix::new("app"));
    let denied = ResponseFault::Replace(Canned::new(403, "Permission denied"));
    fixture
        .proxy
        .inject(Rule::always(denied).for_target("/v1/kv/app/secret"));
    fixture.agent.put("app/open", "1");
    let mut open = fixture.watch(Key::new("app/open")).await;
    let mut secret = fixture.watch(Key::new("app/secret")).await;
    open.says(&["added app/open=1"]).await;
    fixture
        .until_retrying("key:app/secret", FailureClass::Denied)
        .await;
    secret.has_nothing("it is not known whether it is there");
    fixture.proxy.pass();
    secret.next("that it is not there").await;
    fixture.agent.put("app/open", "2");
    open.says(&["updated app/open=1→2"]).await;
}

#[actix::test]
async fn an_outage_shows_in_every_status_and_all_recover() {
    let fixture = Fixture::persistent().with_root(KeyPrefix::new(""));
    let keys: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
    let mut feeds = Vec::new();
    for key in &keys {
        fixture.agent.put(key, "0");
        feeds.push(fixture.watch(Key::new(key)).await);
    }
    for feed in &mut feeds {
        feed.next("the first value").await;
    }
    let mut events = Events::of(&fixture.watches).await;
    fixture.agent.kill();
    fixture.until_failing("key:k0").await;
    fixture.until_failing("key:k49").await;
    fixture.agent.restart();
    fixture.agent.put("k3", "1");
    feeds[3].says(&["updated k3=0→1"]).await;
    fixture.agent.put("k4", "1");
    feeds[4].says(&["updated k4=0→1"]).await;
    for key in &keys {
        assert!(fixture.status(&format!("key:{key}")).await.state.is_live());
    }
    // Live, retrying, live: each watch's observers get these events as those of any other watch do.
    let mut of_k7 = Vec::new();
    while of_k7.len() < 3 {
        let event = events.next("an event of k7").await;
        if let ("key:k7", EventKind::State(state)) = (&*event.path.to_string(), &event.kind) {
            of_k7.push(state.name().to_owned());
        }
    }
    assert_eq!(of_k7, ["live", "retrying", "live"]);
    feeds[5].has_nothing("it did not change");
}

#[actix::test]
async fn a_reset_to_another_prefix_shows_the_keys_of_that_one() {
    let fixture = Fixture::dev().with_root(KeyPrefix::new("app"));
    fixture.agent.put("app/a", "1");
    fixture.agent.put("blue/app/a", "2");
    let mut a = fixture.watch(Key::new("app/a")).await;
    let mut b = fixture.watch(Key::new("app/b")).await;
    a.says(&["added app/a=1"]).await;
    assert!(b.next("that it is not there").await.current.is_none());
    let blue = Reset::with(fixture.config.clone().with_prefix("blue"));
    fixture.watches.send(blue).await.unwrap().unwrap();
    let changed = a.says(&["removed app/a=1", "added blue/app/a=2"]).await;
    assert_eq!(changed.reason, Reason::Resync);
    fixture.agent.put("blue/app/b", "3");
    b.says(&["added blue/app/b=3"]).await;
    fixture.watches.send(Reset::new()).await.unwrap().unwrap();
    fixture.agent.put("blue/app/a", "4");
    a.says(&["updated blue/app/a=2→4"]).await;
    b.has_nothing("a reset alone is no change");
}

#[actix::test]
async fn an_agent_that_comes_back_empty_removes_what_is_really_gone() {
    let fixture = Fixture::dev().with_root(KeyPrefix::new("app"));
    for turn in 0..50 {
        fixture.agent.put("elsewhere", turn.to_string());
    }
    fixture.agent.put("app/a", "1");
    fixture.agent.put("app/dir/b", "2");
    let mut key = fixture.watch(Key::new("app/a")).await;
    let mut dir = fixture.watch(KeyPrefix::new("app/dir")).await;
    let mut absent = fixture.watch(Key::new("app/absent")).await;
    key.says(&["added app/a=1"]).await;
    dir.says(&["added app/dir/b=2"]).await;
    assert!(absent.next("that it is not there").await.current.is_none());
    for _ in 0..2 {
        fixture.agent.restart_empty();
        assert_eq!(key.says(&["removed app/a=1"]).await.reason, Reason::Resync);
        assert_eq!(
            dir.says(&["removed app/dir/b=2"]).await.reason,
            Reason::Resync
        );
        fixture.agent.put("app/a", "1");
        key.says(&["added app/a=1"]).await;
        fixture.agent.put("app/dir/b", "2");
        dir.says(&["added app/dir/b=2"]).await;
    }
    absent.has_nothing("it never was there");
    fixture.agent.put("app/absent", "3");
    absent.says(&["added app/absent=3"]).await;
}
