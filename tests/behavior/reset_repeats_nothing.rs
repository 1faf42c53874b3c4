//! `Reset` starts every watcher afresh, and only what really is different is delivered.

use std::time::Duration;

use consul_watch::{FailureClass, Key, KeyPrefix, Reason, Reset, ResetError};
use consul_watch_harness::{DEADLINE, FaultProxy, Fixture, TestAgent, fixture::config};

#[actix_rt::test]
async fn with_the_configuration_there_is_or_an_equal_one() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/a", "1");
    let mut key = fixture.watch(Key::new("app/a")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
    key.says(&["added app/a=1"]).await;
    prefix.says(&["added app/a=1"]).await;
    let mut old = "1".to_owned();
    for turn in 0..6 {
        let reset = if turn % 2 == 0 {
            Reset::new()
        } else {
            Reset::with(fixture.config.clone())
        };
        let before = fixture.proxy.stats().requests;
        let count = fixture
            .watches
            .send(reset)
            .await
            .expect("it runs")
            .expect("a good configuration");
        assert_eq!(count, 2, "both watchers start afresh");
        fixture
            .proxy
            .until(DEADLINE, "both to ask again and to wait", |stats| {
                stats.requests >= before + 4
            })
            .await;
        let new = format!("turn {turn}");
        fixture.agent.put("app/a", &new);
        let update = format!("updated app/a={old}→{new}");
        key.says(&[&update]).await;
        prefix.says(&[&update]).await;
        old = new;
    }
    fixture.proxy.until_open(2, DEADLINE).await;
}

#[actix_rt::test]
async fn many_at_once_repeat_nothing_either() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(Key::new("k")).await;
    feed.next("the first delivery").await;
    let resets: Vec<_> = (0..20)
        .map(|_| fixture.watches.send(Reset::new()))
        .collect();
    for reset in resets {
        reset.await.expect("it runs").expect("a good configuration");
    }
    fixture.agent.put("k", "v");
    feed.says(&["added k=v"]).await;
    fixture.proxy.until_open(1, DEADLINE).await;
}

#[actix_rt::test]
async fn another_prefix_is_another_state() {
    let fixture = Fixture::of(TestAgent::dev(), |config| config.with_prefix("one"));
    fixture.agent.put("one/app", "1");
    fixture.agent.put("two/app", "2");
    fixture.agent.put("three/app", "3");
    let mut feed = fixture.watch(Key::new("app")).await;
    feed.says(&["added one/app=1"]).await;
    let two = fixture.config.clone().with_prefix("two");
    fixture
        .watches
        .send(Reset::with(two))
        .await
        .expect("it runs")
        .expect("a good configuration");
    let changed = feed.says(&["removed one/app=1", "added two/app=2"]).await;
    assert_eq!(changed.reason, Reason::Resync);
    fixture.agent.put("one/app", "no more");
    fixture.agent.put("two/app", "3");
    feed.says(&["updated two/app=2→3"]).await;
}

#[actix_rt::test]
async fn another_agent_is_compared_with_the_first() {
    let fixture = Fixture::dev();
    let other = TestAgent::dev();
    fixture.agent.put("elsewhere", "so that the indexes differ");
    for agent in [&fixture.agent, &other] {
        agent.put("app/same", "1");
        agent.put(
            "app/differs",
            format!("{}", agent.http_addr().port() == other.http_addr().port()),
        );
    }
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.says(&["added app/differs=false", "added app/same=1"])
        .await;
    let proxy = FaultProxy::start(other.http_addr());
    let moved = fixture
        .watches
        .send(Reset::with(config(&proxy.url())))
        .await
        .expect("it runs");
    assert_eq!(moved.expect("a good configuration"), 1);
    fixture.proxy.until_open(0, DEADLINE).await;
    let changed = feed.next("what is different there").await;
    assert_eq!(changed.reason, Reason::Resync);
    let told = consul_watch_harness::described(&changed);
    // Where a key was made at another index, it is another key.
    assert_eq!(told[0], "updated app/differs=false→true");
    other.put("app/marker", "x");
    feed.says(&["added app/marker=x"]).await;
    fixture.agent.put("app/marker", "nobody listens");
    proxy.until_open(1, DEADLINE).await;
}

#[actix_rt::test]
async fn a_bad_configuration_is_refused_and_everything_goes_on() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(Key::new("k")).await;
    feed.next("the first delivery").await;
    let good = || fixture.config.clone();
    let mut old = "added k=0".to_owned();
    let bad = [
        good().with_wait(Duration::ZERO),
        good().with_token("two words"),
        good().with_max_body_size(0),
        good().with_token_file("/nonexistent/token"),
        good().with_basic_auth("a:colon", "password"),
    ];
    for (turn, bad) in bad.into_iter().enumerate() {
        match fixture
            .watches
            .send(Reset::with(bad))
            .await
            .expect("it runs")
        {
            Err(ResetError::Refused(why)) => {
                assert_eq!(why.class(), FailureClass::Invalid, "{why}");
            }
            other => panic!("bad configuration {turn} was not refused: {other:?}"),
        }
        fixture.agent.put("k", turn.to_string());
        feed.says(&[&old]).await;
        old = format!("updated k={turn}→{}", turn + 1);
    }
    let stats = fixture.proxy.stats();
    assert_eq!(
        (stats.accepted, stats.open),
        (1, 1),
        "the request was not even disturbed: {stats:?}"
    );
}

#[actix_rt::test]
async fn it_ends_a_back_off_and_a_hopeless_watch_is_tried_again() {
    let fixture = Fixture::dev();
    fixture.proxy.refuse(consul_watch_harness::Refusal::Closed);
    let slow = consul_watch::Backoff::new(Duration::from_secs(3600), Duration::from_secs(3600));
    let watches = consul_watch::WatchSupervisor::new(fixture.config.clone())
        .backoff(slow.expect("a back-off"));
    let watches = actix::Actor::start(watches);
    let mut feed = consul_watch_harness::fixture::watch(&watches, Key::new("k")).await;
    consul_watch_harness::fixture::until(&watches, "k", "a failure", |status| {
        status.state.error().is_some()
    })
    .await;
    fixture.proxy.pass();
    watches
        .send(Reset::new())
        .await
        .expect("it runs")
        .expect("a good configuration");
    feed.next("the first delivery, without an hour's pause")
        .await;
}
