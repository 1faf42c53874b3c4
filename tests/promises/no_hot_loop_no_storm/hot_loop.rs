//! Whatever Consul answers, and however soon, a watch asks at a bounded pace; and watches that failed together
//! do not come back together.

use std::time::{Duration, Instant, SystemTime};

use consul_watch::{Backoff, Key, KeyPrefix, Status, WatchState, WatchSupervisor};
use consul_watch_harness::{
    Canned, DEADLINE, Fixture, ResponseFault, Rule, TestAgent,
    fixture::{impatient, until, watch},
};

/// The body that Consul would answer, at once and for ever.
fn unchanged(fixture: &Fixture, key: &str, index: Option<u64>) -> ResponseFault {
    let reply = fixture
        .agent
        .request("GET", &format!("/v1/kv/{key}?recurse"), &[], b"");
    let own = reply.header("X-Consul-Index").expect("an index").to_owned();
    let index = index.map_or(own, |index| index.to_string());
    ResponseFault::Replace(Canned::new(200, reply.body).header("X-Consul-Index", &index))
}

/// Lets the watch ask `count` times, and returns how long that took.
async fn asks(fixture: &Fixture, count: u64) -> Duration {
    let (start, before) = (Instant::now(), fixture.proxy.stats().requests);
    fixture
        .proxy
        .until(DEADLINE, "requests", |stats| {
            stats.requests >= before + count
        })
        .await;
    start.elapsed()
}

#[actix_rt::test]
async fn a_blocking_query_that_does_not_block() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/a", "1");
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.says(&["added app/a=1"]).await;
    fixture
        .proxy
        .inject(Rule::always(unchanged(&fixture, "app", None)));
    // The request on its way does not see the fault before it ends.
    fixture.until_woken(|agent| agent.put("app2", "")).await;
    // Ten requests take the throttle's doubling pauses: 10, 20 … 320 ms, two of them free.
    let took = asks(&fixture, 10).await;
    assert!(
        took >= Duration::from_millis(600),
        "ten answers without news in {took:?}"
    );
    let took = asks(&fixture, 3).await;
    assert!(
        took >= Duration::from_secs(1),
        "three more in {took:?}, though none had any news"
    );
    fixture.proxy.pass();
    fixture.agent.put("app/a", "2");
    feed.says(&["updated app/a=1→2"]).await;
}

#[actix_rt::test]
async fn an_index_of_zero_or_none_at_all() {
    for fault in [ResponseFault::index(0), ResponseFault::no_index()] {
        let fixture = Fixture::dev();
        fixture.agent.put("app/a", "1");
        fixture.proxy.inject(Rule::always(fault.clone()));
        let mut feed = fixture.watch(KeyPrefix::new("app")).await;
        feed.says(&["added app/a=1"]).await;
        asks(&fixture, 8).await;
        let took = asks(&fixture, 4).await;
        assert!(
            took >= Duration::from_millis(500),
            "{fault:?}: four requests in {took:?}"
        );
        let seen = fixture.proxy.requests();
        assert!(
            !seen
                .iter()
                .any(|request| request.target.contains("index=0")),
            "{fault:?}: {seen:?}"
        );
    }
}

/// An index that goes up and down makes every second query one that does not block.
#[actix_rt::test]
async fn an_index_that_rises_and_falls() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/a", "1");
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.says(&["added app/a=1"]).await;
    // All rules have to be there before the first is used.
    fixture
        .proxy
        .until(DEADLINE, "the query that blocks", |stats| {
            stats.requests >= 2
        })
        .await;
    for index in (1..=30).flat_map(|turn| [9000 + turn, 5]) {
        fixture
            .proxy
            .inject(Rule::next(1, unchanged(&fixture, "app", Some(index))));
    }
    fixture.until_woken(|agent| agent.put("app2", "")).await;
    asks(&fixture, 20).await;
    let took = asks(&fixture, 10).await;
    assert!(
        took >= Duration::from_millis(500),
        "ten answers without news in {took:?}"
    );
}

/// The first query is answered and every later one fails: success must not end the growth of the back-off.
#[actix_rt::test]
async fn a_watch_that_fails_right_after_each_success() {
    let fixture = Fixture::dev();
    fixture
        .proxy
        .inject(Rule::always(ResponseFault::status(500, "no")).for_target("index="));
    let backoff =
        Backoff::new(Duration::from_millis(100), Duration::from_secs(3600)).expect("a back-off");
    let watches = WatchSupervisor::new(fixture.config.clone())
        .backoff(backoff.with_seed(7))
        .start();
    let mut feed = watch(&watches, Key::new("k")).await;
    feed.next("the first delivery").await;
    let status = until(&watches, "k", "the sixth failure", |status| {
        matches!(status.state, WatchState::Retrying { attempt: 6.., .. })
    });
    let status = status.await;
    let requests = fixture.proxy.stats().requests;
    assert!(
        requests <= 2 * (status.restarts + 2),
        "{requests} requests for {} restarts",
        status.restarts
    );
    feed.has_nothing("nothing changed");
}

#[actix_rt::test]
async fn watches_that_failed_together_do_not_come_back_together() {
    const WATCHES: usize = 60;
    // Waits of a second, so that each query soon meets the fault; an outage would be the guard's.
    let fixture = Fixture::of(TestAgent::dev(), impatient);
    let base = Duration::from_secs(20);
    let backoff = Backoff::new(base, base).expect("a back-off");
    let watches = WatchSupervisor::new(fixture.config.clone())
        .backoff(backoff)
        .start();
    let mut feeds = Vec::new();
    for number in 0..WATCHES {
        feeds.push(watch(&watches, Key::new(format!("k/{number}"))).await);
    }
    for feed in &mut feeds {
        feed.next("the first delivery").await;
    }
    fixture.proxy.until_open(WATCHES, DEADLINE).await;
    fixture
        .proxy
        .inject(Rule::always(ResponseFault::status(500, "no")));
    let cut = SystemTime::now();
    let nexts = loop {
        let all = watches.send(Status::all()).await.expect("it runs");
        let next = |status: &consul_watch::WatchStatus| match status.state {
            WatchState::Retrying { next, .. } => Some(next),
            _ => None,
        };
        let nexts: Vec<SystemTime> = all.iter().filter_map(next).collect();
        if nexts.len() == WATCHES {
            break nexts;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // By how it is drawn, not by when it happens: no fifth of the time holds more than half of the attempts.
    let mut fifths = [0; 6];
    for next in nexts {
        let after = next.duration_since(cut).unwrap_or_default();
        fifths[usize::try_from(after.as_secs() / 4).expect("small").min(5)] += 1;
    }
    assert!(
        fifths.iter().all(|count| *count <= WATCHES / 2),
        "the attempts are at {fifths:?}"
    );
}
