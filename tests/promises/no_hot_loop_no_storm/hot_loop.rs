//! A watch queries at a bounded rate whatever Consul answers, and however soon.
//!
//! The times here are lower bounds: a stalled machine makes a watch slower, never faster.

use std::time::{Duration, Instant, SystemTime};

use consul_watch::{Backoff, Key, KeyPrefix, Status, WatchState, WatchSupervisor};
use consul_watch_harness::{
    Canned, DEADLINE, Fixture, ResponseFault, Rule, TestAgent,
    fixture::{impatient, until, watch},
};

/// The requests after which the throttle has doubled its interval as often as it does, though some answers may
/// have come too late to count as early.
const WARM_UP: u64 = 10;
/// The interval of the throttle then: 64 times its 10 ms.
const SLOWED: Duration = Duration::from_millis(640);

/// Consul's answer, to come at once and again and again.
fn unchanged(fixture: &Fixture, key: &str, index: Option<u64>) -> ResponseFault {
    let reply = fixture
        .agent
        .request("GET", &format!("/v1/kv/{key}?recurse"), &[], b"");
    let own = reply.header("X-Consul-Index").expect("an index").to_owned();
    let index = index.map_or(own, |index| index.to_string());
    ResponseFault::Replace(Canned::new(200, reply.body).header("X-Consul-Index", &index))
}

/// Lets the watch query `count` times, and returns how long that took.
async fn queries(fixture: &Fixture, count: u64) -> Duration {
    let (start, before) = (Instant::now(), fixture.proxy.stats().requests);
    fixture
        .proxy
        .until(DEADLINE, "requests", |stats| {
            stats.requests >= before + count
        })
        .await;
    start.elapsed()
}

/// Checks that the watch queries slowly after its warm-up; `each` query is so many requests.
async fn is_slowed_down(fixture: &Fixture, each: u64) {
    queries(fixture, each * WARM_UP).await;
    let took = queries(fixture, each * 6).await;
    // The first may be on its way already, and the throttle may have saved up its burst of two.
    assert!(
        took >= 3 * SLOWED,
        "six queries in {took:?}, though none brought a change"
    );
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
    // The fault does not apply to the request on its way.
    fixture.until_woken(|agent| agent.put("app2", "")).await;
    is_slowed_down(&fixture, 1).await;
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
        is_slowed_down(&fixture, 1).await;
        let seen = fixture.proxy.requests();
        assert!(
            !seen
                .iter()
                .any(|request| request.target.contains("index=0")),
            "{fault:?}: {seen:?}"
        );
    }
}

/// An index that goes up and down makes every second request one that does not block.
#[actix_rt::test]
async fn an_index_that_rises_and_falls() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/a", "1");
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.says(&["added app/a=1"]).await;
    // All rules have to be there before the first applies.
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
    // Each answer whose index fell is replaced by that of a second request.
    is_slowed_down(&fixture, 2).await;
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
    // Waits of a second, so that each query soon meets the fault, which is no outage for the reconnect gate.
    let fixture = Fixture::of(TestAgent::dev(), impatient);
    let pause = Duration::from_secs(20);
    let backoff = Backoff::new(pause, pause).expect("a back-off");
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
    let deadline = Instant::now() + DEADLINE;
    let mut nexts = loop {
        let all = watches.send(Status::all()).await.expect("it runs");
        let next = |status: &consul_watch::WatchStatus| match status.state {
            WatchState::Retrying { next, .. } => Some(next),
            _ => None,
        };
        let nexts: Vec<SystemTime> = all.iter().filter_map(next).collect();
        if nexts.len() == WATCHES {
            break nexts;
        }
        assert!(
            Instant::now() < deadline,
            "{} of {WATCHES} watches failed",
            nexts.len()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // By how the times are drawn, not by when they come: no fifth of the pause holds more than half of them.
    nexts.sort();
    let crowded = nexts.windows(WATCHES / 2 + 1).find(|some| {
        some[WATCHES / 2]
            .duration_since(some[0])
            .unwrap_or_default()
            < pause / 5
    });
    assert!(crowded.is_none(), "the attempts are at {nexts:?}");
}
