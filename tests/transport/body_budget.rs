//! The memory for the answers that arrive at once: bounded, fair, and no watch waits without end.

use std::time::Duration;

use consul_watch::{FailureClass, Key, KeyPrefix};
use consul_watch_harness::fixture::{Fixture, retries_after, until_query, watch};
use consul_watch_harness::{Feed, TestAgent};

const VALUE: usize = 400_000;
const KEYS: usize = 4;
const WATCHES: u64 = 12;

/// The same folder by as many queries, which share nothing.
fn folder(n: u64) -> KeyPrefix {
    KeyPrefix::new("large").with_wait(Duration::from_secs(500 + n))
}

/// An answer has more than 2 MB, in base64.
fn start(budget: usize) -> Fixture {
    let agent = TestAgent::dev();
    for n in 0..KEYS {
        agent.put(&format!("large/{n}"), "x".repeat(VALUE));
    }
    let limit = 3_000_000;
    Fixture::of(agent, |config| {
        config.with_max_body_size(limit).with_body_budget(budget)
    })
}

#[actix_rt::test]
async fn answers_that_together_exceed_the_budget_all_arrive() {
    for budget in [3_000_000, 5_000_000] {
        let fixture = start(budget);
        let mut folders = Feed::start();
        for n in 0..WATCHES {
            folders.watch(&fixture.watches, folder(n)).await;
        }
        for value in ["y", "z"] {
            for _ in 0..WATCHES {
                let changed = folders.next("a whole folder").await;
                assert_eq!(changed.current.len(), KEYS);
            }
            fixture.agent.put("large/0", value.repeat(VALUE));
        }
    }
}

#[actix_rt::test]
async fn an_answer_larger_than_the_budget_is_an_error_with_its_name_and_stops_no_other() {
    let fixture = start(1_000_000);
    let mut small = watch(&fixture.watches, Key::new("small")).await;
    small.next("the first state").await;
    let mut folders = Feed::start();
    folders.watch(&fixture.watches, folder(0)).await;
    let status = until_query(&fixture.watches, &folder(0), "failures", |status| {
        status.restarts > 1 && retries_after(status, FailureClass::TooLarge)
    })
    .await;
    let told = status.state.error().expect("an error").to_string();
    assert!(
        told.contains("`body_budget`") && told.contains("1000000 bytes"),
        "{told}"
    );
    fixture.agent.put("small", "1");
    small
        .next("a change beside an answer that is too large")
        .await;
}
