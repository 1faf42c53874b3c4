//! Many large answers on one HTTP/2 connection, read and unread: its flow control never stops an answer.

use std::time::Duration;

use consul_watch::{FailureClass, Key, KeyPrefix};
use consul_watch_harness::Feed;
use consul_watch_harness::fixture::{retries_after, until_query, watch};

use crate::secure::start;

/// Together many times the 8 MiB that may be under way on one connection.
const WATCHES: u64 = 10;
const KEYS: usize = 8;
const VALUE: usize = 500_000;

/// The same folder by as many queries, which share nothing.
fn folder(n: u64) -> KeyPrefix {
    KeyPrefix::new("large").with_wait(Duration::from_secs(500 + n))
}

#[actix_rt::test]
async fn large_answers_on_one_connection_all_arrive() {
    let fixture = start(|config| config.with_gzip(false));
    for n in 0..KEYS {
        fixture.agent.put(&format!("large/{n}"), "x".repeat(VALUE));
    }
    let mut small = watch(&fixture.watches, Key::new("small")).await;
    small.next("the first state").await;
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
        fixture.agent.put("small", value);
        small.next("a change beside large answers").await;
    }
    let stats = fixture.proxy.stats();
    assert_eq!(stats.accepted, 1, "{stats:?}");
}

#[actix_rt::test]
async fn answers_that_are_given_up_hold_nothing_back() {
    let limit = 2 * VALUE;
    let fixture = start(|config| config.with_gzip(false).with_max_body_size(limit));
    for n in 0..KEYS {
        fixture.agent.put(&format!("large/{n}"), "x".repeat(VALUE));
    }
    let mut small = watch(&fixture.watches, Key::new("small")).await;
    small.next("the first state").await;
    let mut folders = Feed::start();
    for n in 0..WATCHES {
        folders.watch(&fixture.watches, folder(n)).await;
    }
    // Each time a part of the answer is left unread.
    for n in 0..WATCHES {
        until_query(&fixture.watches, &folder(n), "failures", |status| {
            status.restarts > 3 && retries_after(status, FailureClass::TooLarge)
        })
        .await;
    }
    fixture.agent.put("small", "1");
    small.next("a change beside large answers").await;
    let stats = fixture.proxy.stats();
    assert_eq!(stats.accepted, 1, "{stats:?}");
}
