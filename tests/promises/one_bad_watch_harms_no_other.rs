//! A watch that fails harms no other, and recovers without repeating anything.

use consul_watch::{FailureClass, Key, KeyPrefix, Reason, WatchState};
use consul_watch_harness::{
    Acl, DEADLINE, Feed, Fixture, ResponseFault, Rule, TestAgent, eventually_async,
    fixture::impatient, log_capture,
};
use tracing::Level;

async fn gets_the_next(fixture: &Fixture, well: &mut Feed<KeyPrefix>, old: &mut usize) {
    *old += 1;
    fixture.agent.put("well/n", old.to_string());
    let update = format!("updated well/n={}→{old}", *old - 1);
    well.says(&[&update]).await;
}

#[actix_rt::test]
async fn a_token_without_rights() {
    let acl = Acl::start();
    let fixture = &acl.fixture;
    acl.policy("read", r#"key_prefix "shut" { policy = "read" }"#);
    fixture.agent.put("well/n", "0");
    fixture.agent.put("shut/a", "1");
    fixture.agent.put("shut/b", "1");
    let mut well = fixture.watch(KeyPrefix::new("well")).await;
    let mut shut = fixture
        .watch(Key::new("shut/a").with_token(acl.secret.as_str()))
        .await;
    let mut turn = 0;
    well.says(&["added well/n=0"]).await;
    let status = fixture
        .until_retrying("key:shut/a?token", FailureClass::Denied)
        .await;
    let told = status.state.to_string();
    assert!(
        told.contains("Permission denied") && !told.contains(&acl.secret),
        "{told}"
    );
    gets_the_next(fixture, &mut well, &mut turn).await;
    shut.has_nothing("it may see nothing");

    acl.allow(&["read"]);
    assert_eq!(shut.says(&["added shut/a=1"]).await.reason, Reason::First);
    for _ in 0..2 {
        acl.allow(&[]);
        fixture
            .until_retrying("key:shut/a?token", FailureClass::Denied)
            .await;
        gets_the_next(fixture, &mut well, &mut turn).await;
        acl.allow(&["read"]);
        fixture.until_live("key:shut/a?token").await;
    }
    fixture.agent.put("shut/a", "2");
    shut.says(&["updated shut/a=1→2"]).await;

    acl.allow(&[]);
    fixture
        .until_retrying("key:shut/a?token", FailureClass::Denied)
        .await;
    fixture.agent.delete("shut/a");
    shut.has_nothing("it may see nothing");
    acl.allow(&["read"]);
    assert_eq!(
        shut.says(&["removed shut/a=2"]).await.reason,
        Reason::Resync
    );
}

/// Consul leaves out of a list what the token may not see, as if it were not there.
#[actix_rt::test]
async fn rights_that_are_taken_away_are_no_removal_of_keys() {
    log_capture::capture();
    let acl = Acl::start();
    let fixture = &acl.fixture;
    acl.policy("all", r#"key_prefix "rights" { policy = "read" }"#);
    acl.policy("some", r#"key_prefix "rights/a" { policy = "read" }"#);
    for key in ["rights/a1", "rights/a2", "rights/b1"] {
        fixture.agent.put(key, "1");
    }
    acl.allow(&["all"]);
    let mut feed = fixture
        .watch(KeyPrefix::new("rights").with_token(acl.secret.as_str()))
        .await;
    feed.says(&[
        "added rights/a1=1",
        "added rights/a2=1",
        "added rights/b1=1",
    ])
    .await;
    let logged = async |level: Level, count: usize| {
        let what = format!("line {count} of the level {level}");
        eventually_async(DEADLINE, &what, || {
            let lines = log_capture::captured("path=keyprefix:rights?token keys");
            lines.iter().filter(|line| line.level == level).count() == count
        })
        .await;
    };
    for (turn, fewer) in [&["some"][..], &[]].into_iter().enumerate() {
        acl.allow(fewer);
        logged(Level::WARN, turn + 1).await;
        feed.has_nothing("no key was deleted");
        acl.allow(&["all"]);
        logged(Level::INFO, turn + 1).await;
        fixture.until_live("rights").await;
    }
    // What is really gone is delivered, also to a token that may not read all there is.
    fixture.agent.delete("rights/b1");
    feed.says(&["removed rights/b1=1"]).await;
    acl.allow(&["some"]);
    fixture.agent.put("rights/a1", "2");
    feed.says(&["updated rights/a1=1→2"]).await;
    fixture.agent.delete("rights/a2");
    feed.says(&["removed rights/a2=1"]).await;
}

#[actix_rt::test]
async fn a_value_beyond_the_limit() {
    let fixture = Fixture::of(TestAgent::dev(), |config| {
        config.with_max_body_size(64 * 1024)
    });
    fixture.agent.put("well/n", "0");
    fixture.agent.put("big/a", "small");
    let mut well = fixture.watch(KeyPrefix::new("well")).await;
    let mut big = fixture.watch(KeyPrefix::new("big")).await;
    let mut born_big = fixture.watch(Key::new("big/b")).await;
    let mut turn = 0;
    well.says(&["added well/n=0"]).await;
    big.says(&["added big/a=small"]).await;
    assert!(born_big.next("the first delivery").await.current.is_none());

    fixture.agent.put("big/b", vec![b'x'; 100 * 1024]);
    for path in ["big", "big/b"] {
        let status = fixture.until_retrying(path, FailureClass::TooLarge).await;
        let told = status.state.to_string();
        assert!(
            told.contains("`body_limit`"),
            "the error says how to raise it: {told}"
        );
    }
    gets_the_next(&fixture, &mut well, &mut turn).await;
    big.has_nothing("its value is too large");

    fixture.agent.delete("big/b");
    fixture.until_live("big").await;
    fixture.agent.put("big/a", "still small");
    big.says(&["updated big/a=small→still small"]).await;
    fixture.until_live("big/b").await;
    fixture.agent.put("big/b", "small");
    born_big.says(&["added big/b=small"]).await;
    gets_the_next(&fixture, &mut well, &mut turn).await;
}

#[actix_rt::test]
async fn a_query_that_can_never_be_answered() {
    let fixture = Fixture::dev();
    fixture.agent.put("well/n", "0");
    let mut well = fixture.watch(KeyPrefix::new("well")).await;
    let mut never = fixture.watch(Key::new("")).await;
    let mut nowhere = fixture
        .watch(Key::new("k").with_datacenter("nowhere"))
        .await;
    well.says(&["added well/n=0"]).await;
    let stopped = fixture
        .until("key", "its end", |status| status.state.name() == "stopped")
        .await;
    assert!(stopped.state.to_string().contains("empty"), "{stopped}");
    fixture
        .until("k", "a failure", |status| status.state.error().is_some())
        .await;
    let mut turn = 0;
    gets_the_next(&fixture, &mut well, &mut turn).await;
    never.has_nothing("it has no answer");
    nowhere.has_nothing("it has no answer");
}

#[actix_rt::test]
async fn a_path_that_stalls_or_fails_for_ever() {
    let fixture = Fixture::of(TestAgent::dev(), impatient);
    fixture
        .proxy
        .inject(Rule::always(ResponseFault::stall_after_headers()).for_target("/kv/stalls"));
    fixture
        .proxy
        .inject(Rule::always(ResponseFault::status(500, "no")).for_target("/kv/fails"));
    fixture.agent.put("well/n", "0");
    let mut stalls = fixture.watch(Key::new("stalls")).await;
    let mut fails = fixture.watch(Key::new("fails")).await;
    fixture
        .agent
        .put("stalls", "a value, so that there is a body");
    let mut well = fixture.watch(KeyPrefix::new("well")).await;
    well.says(&["added well/n=0"]).await;
    let several = |status: &consul_watch::WatchStatus| {
        matches!(status.state, WatchState::Retrying { attempt: 2.., .. })
    };
    fixture.until("fails", "several attempts", several).await;
    fixture.until("stalls", "several attempts", several).await;
    let mut turn = 0;
    for _ in 0..5 {
        gets_the_next(&fixture, &mut well, &mut turn).await;
    }
    assert_eq!(fixture.status("well").await.restarts, 0);
    fails.has_nothing("it has no answer");
    fixture.proxy.pass();
    fixture.proxy.cut(consul_watch_harness::Cut::Reset);
    fails.next("the first delivery").await;
    stalls
        .until("the value", |changed| changed.current.is_some())
        .await;
}
