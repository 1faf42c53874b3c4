//! The latest state arrives after any burst of changes, with the number of coalesced states.

use std::sync::Arc;

use consul_watch::{KeyPrefix, Watch};
use consul_watch_harness::{Feed, Fixture, fixture::subscribe, state};
use tokio::sync::Semaphore;

const PUTS: usize = 500;

/// A deletion at the end, so that the last state is no value among others.
fn burst(fixture: &Fixture) {
    for turn in 0..PUTS {
        fixture
            .agent
            .put(&format!("app/{}", turn % 7), turn.to_string());
    }
    fixture.agent.put("app/last", "yes");
    fixture.agent.delete("app/0");
}

#[actix_rt::test]
async fn the_last_state_arrives_and_the_deltas_chain() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.next("the first delivery").await;
    burst(&fixture);
    let done = |state: &std::collections::BTreeMap<String, Vec<u8>>| {
        state.contains_key("app/last") && !state.contains_key("app/0")
    };
    // The feed checks that each `previous` is the last `current`.
    let all = feed
        .until("the last state", |changed| done(&state(&*changed.current)))
        .await;
    let last = all.last().expect("there is one");
    let expected = fixture
        .agent
        .list("app/")
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect();
    assert_eq!(state(&*last.current), expected);
    assert!(
        all.is_sorted_by_key(|changed| changed.index),
        "the index never falls"
    );
    let states = all.iter().map(|changed| 1 + changed.coalesced).sum::<u64>();
    assert!(
        states <= PUTS as u64 + 2,
        "{states} states of {PUTS} writes"
    );
    fixture.agent.put("app/last", "no");
    feed.says(&["updated app/last=yes→no"]).await;
}

/// Both are offered the same states: those that the slow one does not get are in its count.
#[actix_rt::test]
async fn a_slow_handler_gets_the_last_state_and_the_number_of_coalesced_ones() {
    let fixture = Fixture::dev();
    let gate = Arc::new(Semaphore::new(0));
    let mut fast = fixture.watch(KeyPrefix::new("app")).await;
    let slow = Feed::slow(&gate);
    let mut slow = subscribe(&fixture.watches, KeyPrefix::new("app"), slow, |watch| watch).await;
    fast.next("the first delivery").await;
    slow.next("the first delivery").await;
    let mut states = 0;
    for turn in 0..20 {
        fixture.agent.put("app/n", turn.to_string());
        states += 1 + fast.next("a change").await.coalesced;
    }
    assert_eq!(states, 20, "the fast one got every state");
    slow.has_nothing("its handler has not come to an end");
    gate.add_permits(1);
    let coalesced = slow.says(&["added app/n=19"]).await;
    assert_eq!(coalesced.coalesced, 19, "twenty states in one delivery");
    gate.add_permits(1);
    fixture.agent.put("app/n", "end");
    assert_eq!(slow.says(&["updated app/n=19→end"]).await.coalesced, 0);
}

/// A change that was undone before the slow one received it is no change to it.
#[actix_rt::test]
async fn a_change_that_was_undone_meanwhile_is_not_delivered() {
    let fixture = Fixture::dev();
    let gate = Arc::new(Semaphore::new(0));
    fixture.agent.put("app/n", "0");
    let mut fast = fixture.watch(KeyPrefix::new("app")).await;
    let slow = subscribe(
        &fixture.watches,
        KeyPrefix::new("app"),
        Feed::slow(&gate),
        |watch| watch,
    );
    let mut slow = slow.await;
    fast.says(&["added app/n=0"]).await;
    slow.says(&["added app/n=0"]).await;
    fixture.agent.put("app/n", "1");
    fast.says(&["updated app/n=0→1"]).await;
    fixture.agent.put("app/n", "0");
    fast.says(&["updated app/n=1→0"]).await;
    gate.add_permits(10);
    fixture.agent.put("app/marker", "x");
    slow.says(&["added app/marker=x"]).await;
}

#[actix_rt::test]
async fn with_a_quiet_period_a_burst_is_one_delivery() {
    let fixture = Fixture::dev();
    let quiet = |watch: Watch<KeyPrefix>| watch.quiet(std::time::Duration::from_secs(2));
    let mut plain = fixture.watch(KeyPrefix::new("app")).await;
    let mut feed = subscribe(
        &fixture.watches,
        KeyPrefix::new("app"),
        Feed::start(),
        quiet,
    )
    .await;
    feed.next("the first delivery does not wait").await;
    plain.next("the first delivery").await;
    let mut states = 0;
    for turn in 0..10 {
        fixture.agent.put("app/n", turn.to_string());
        states += 1 + plain.next("a change").await.coalesced;
    }
    // The number of deliveries depends on how long the burst took; the number of states does not.
    let all = feed
        .until("the last state", |changed| {
            state(&*changed.current)["app/n"] == b"9"
        })
        .await;
    assert_eq!(
        all.iter().map(|changed| 1 + changed.coalesced).sum::<u64>(),
        states
    );
    assert!(all.len() < 10, "{} deliveries of ten changes", all.len());
}
