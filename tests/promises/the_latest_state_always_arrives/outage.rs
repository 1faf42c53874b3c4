//! The latest state arrives after any outage of Consul or the network, and once.

use consul_watch::{FailureClass, Key, KeyPrefix, Reason, WatchState};
use consul_watch_harness::{
    Cut, DEADLINE, FaultProxy, Feed, Fixture, Refusal, TestAgent,
    fixture::{config, impatient, retries_after, supervisor, until, watch},
    log_capture::{capture, captured},
    state,
};
use tracing::Level;

#[actix_rt::test]
async fn a_killed_agent_that_comes_back_with_its_data() {
    let fixture = Fixture::persistent();
    fixture.agent.put("app/a", "1");
    fixture.agent.put("app/b", "1");
    let mut key = fixture.watch(Key::new("app/a")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
    key.says(&["added app/a=1"]).await;
    prefix.says(&["added app/a=1", "added app/b=1"]).await;
    for turn in 1..3 {
        fixture.agent.kill();
        fixture.until_failing("keyprefix:app").await;
        fixture.agent.restart();
        fixture.agent.put("app/a", (turn + 1).to_string());
        let update = format!("updated app/a={turn}→{}", turn + 1);
        key.says(&[&update]).await;
        prefix.says(&[&update]).await;
        fixture.until_live("keyprefix:app").await;
        assert!(
            fixture.status("keyprefix:app").await.restarts >= turn,
            "its watcher was restarted"
        );
    }
    fixture.agent.delete("app/b");
    prefix.says(&["removed app/b=1"]).await;
}

#[actix_rt::test]
async fn what_changed_while_the_network_was_away_is_one_delivery() {
    let fixture = Fixture::dev();
    for key in ["app/changed", "app/deleted", "app/same"] {
        fixture.agent.put(key, "1");
    }
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.next("the first delivery").await;
    fixture.cut_off();
    for turn in 2..9 {
        fixture.agent.put("app/changed", turn.to_string());
    }
    fixture.agent.put("app/same", "2");
    fixture.agent.put("app/same", "1");
    fixture.agent.delete("app/deleted");
    fixture.agent.put("app/new", "1");
    fixture.until_retrying("app", FailureClass::Transient).await;
    feed.has_nothing("the network is away");
    fixture.proxy.pass();
    let changed = feed
        .says(&[
            "updated app/changed=1→8",
            "removed app/deleted=1",
            "added app/new=1",
        ])
        .await;
    assert_eq!(changed.reason, Reason::Resync);
    fixture.agent.put("app/marker", "x");
    assert_eq!(
        feed.says(&["added app/marker=x"]).await.reason,
        Reason::Change
    );
}

#[actix_rt::test]
async fn connections_that_are_cut_again_and_again() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.next("the first delivery").await;
    let mut old = String::from("added app/n=0");
    for turn in 0..10 {
        fixture.proxy.until_open(1, DEADLINE).await;
        fixture
            .proxy
            .cut(if turn % 2 == 0 { Cut::Reset } else { Cut::Fin });
        fixture.agent.put("app/n", turn.to_string());
        feed.says(&[&old]).await;
        old = format!("updated app/n={turn}→{}", turn + 1);
    }
}

/// Nothing reports that the peer is gone: only the request's deadline shows it.
#[actix_rt::test]
async fn a_peer_that_falls_silent() {
    let fixture = Fixture::of(TestAgent::dev(), impatient);
    fixture.agent.put("app/a", "1");
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.says(&["added app/a=1"]).await;
    fixture.proxy.silence();
    let status = fixture.until_retrying("app", FailureClass::Transient).await;
    let told = status.state.to_string();
    assert!(
        told.contains("within"),
        "the error names a deadline: {told}"
    );
    fixture.agent.put("app/a", "2");
    fixture
        .until("app", "more attempts", |status| {
            matches!(status.state, WatchState::Retrying { attempt: 2.., .. })
        })
        .await;
    feed.has_nothing("nothing gets through");
    fixture.proxy.pass();
    assert_eq!(
        feed.says(&["updated app/a=1→2"]).await.reason,
        Reason::Resync
    );
    fixture.until_live("app").await;
}

#[actix_rt::test]
async fn an_agent_that_hangs_and_resumes() {
    let fixture = Fixture::of(TestAgent::dev(), impatient);
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.next("the first delivery").await;
    fixture.agent.pause();
    fixture.until_retrying("app", FailureClass::Transient).await;
    fixture.agent.resume();
    fixture.agent.put("app/a", "1");
    feed.says(&["added app/a=1"]).await;
}

#[actix_rt::test]
async fn connections_that_are_refused() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(Key::new("k")).await;
    feed.next("the first delivery").await;
    let mut old = "added k=0".to_owned();
    let all = [Refusal::Closed, Refusal::Reset, Refusal::Limit];
    for (turn, how) in all.into_iter().enumerate() {
        fixture.proxy.refuse(how);
        fixture.proxy.cut(Cut::Reset);
        fixture.agent.put("k", turn.to_string());
        let several = |status: &consul_watch::WatchStatus| {
            matches!(status.state, WatchState::Retrying { attempt: 4.., .. })
        };
        let status = fixture.until("k", "several attempts", several).await;
        // A connection that is accepted and closed at once is how Consul enforces its limit.
        let expected = match how {
            Refusal::Closed => FailureClass::Transient,
            Refusal::Reset | Refusal::Limit => FailureClass::LimitSuspected,
        };
        assert!(retries_after(&status, expected), "{how:?}: {status}");
        feed.has_nothing("connections are refused");
        fixture.proxy.pass();
        feed.says(&[&old]).await;
        old = format!("updated k={turn}→{}", turn + 1);
    }
}

#[actix_rt::test]
async fn a_consul_that_is_not_there_yet_is_reported_once_and_awaited() {
    capture();
    let agent = TestAgent::dev();
    let proxy = FaultProxy::start(agent.http_addr());
    proxy.refuse(Refusal::Closed);
    let path = "keyprefix:not-there-yet";
    agent.put("not-there-yet/a", "1");
    let watches = supervisor(&config(&proxy.url()));
    let mut feed: Feed<KeyPrefix> = watch(&watches, KeyPrefix::new("not-there-yet")).await;

    let several = |status: &consul_watch::WatchStatus| {
        matches!(status.state, WatchState::Retrying { attempt: 6.., .. })
    };
    let status = until(&watches, path, "several attempts", several).await;
    let WatchState::Retrying { error, next, .. } = &status.state else {
        unreachable!("it just was")
    };
    assert_eq!(error.class(), FailureClass::Transient);
    assert!(
        error.to_string().contains("nobody listens there"),
        "{error}"
    );
    assert!(*next > std::time::SystemTime::UNIX_EPOCH && status.last_answer.is_none());
    let warnings = || {
        captured(path)
            .iter()
            .filter(|record| record.level == Level::WARN)
            .count()
    };
    assert_eq!(
        warnings(),
        1,
        "one warning for six attempts: {:#?}",
        captured(path)
    );
    feed.has_nothing("Consul is not there");

    proxy.pass();
    assert_eq!(
        feed.says(&["added not-there-yet/a=1"]).await.reason,
        Reason::First
    );
    until(&watches, path, "that it is live", |status| {
        status.state.is_live()
    })
    .await;
    assert_eq!(warnings(), 1);

    // The next outage is the next change of state; and another one if the query that is cut was so young
    // that it looks turned away.
    proxy.refuse(Refusal::Closed);
    proxy.cut(Cut::Reset);
    until(&watches, path, "several attempts", |status| {
        matches!(status.state, WatchState::Retrying { attempt: 10.., .. })
    })
    .await;
    assert!(matches!(warnings(), 2..=3), "{:#?}", captured(path));
    proxy.pass();
    agent.put("not-there-yet/a", "2");
    feed.says(&["updated not-there-yet/a=1→2"]).await;
    let infos = captured(path)
        .iter()
        .filter(|record| record.level == Level::INFO)
        .count();
    assert_eq!(
        infos,
        2,
        "it says each time that it is live: {:#?}",
        captured(path)
    );
}

#[actix_rt::test]
async fn many_watches_all_come_back() {
    let fixture = Fixture::persistent();
    let mut feeds = Vec::new();
    for number in 0..30 {
        feeds.push((
            number,
            fixture.watch(KeyPrefix::new(format!("app/{number}"))).await,
        ));
    }
    for (_, feed) in &mut feeds {
        feed.next("the first delivery").await;
    }
    fixture.agent.kill();
    fixture.until_failing("app/29").await;
    fixture.agent.restart();
    for (number, _) in &feeds {
        fixture
            .agent
            .put(&format!("app/{number}/k"), number.to_string());
    }
    for (number, feed) in &mut feeds {
        let changed = feed.next("what was written after the restart").await;
        let expected = [(format!("app/{number}/k"), number.to_string().into_bytes())];
        assert_eq!(state(&*changed.current), expected.into_iter().collect());
    }
}
