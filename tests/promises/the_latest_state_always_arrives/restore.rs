//! A restored snapshot is delivered at once, and not when the wait is over.
//!
//! Consul wakes a query of the KV store when a snapshot replaces the data, and answers it with the old value and index.
//! The data that follows has a lower index, beyond which the next query would wait to its end.

use std::time::Duration;

use consul_watch::{Key, KeyPrefix};
use consul_watch_harness::{DEADLINE, Fixture, TestAgent, eventually_async};

fn snapshot(agent: &TestAgent) -> Vec<u8> {
    let reply = agent.request("GET", "/v1/snapshot", &[], b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.body
}

fn restore(agent: &TestAgent, snapshot: &[u8]) {
    let reply = agent.request("PUT", "/v1/snapshot", &[], snapshot);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Waits until Consul holds the queries that resume from the last answers.
async fn held(fixture: &Fixture, queries: &[&str]) {
    for path in queries {
        let list = fixture.agent.request("GET", path, &[], b"");
        let index = list.header("X-Consul-Index").expect("an index").to_owned();
        let resumed = format!("index={index}&");
        eventually_async(DEADLINE, "the query that resumes", || {
            let seen = fixture.proxy.requests();
            seen.iter().any(|request| {
                request.target.starts_with(path) && request.target.contains(&resumed)
            })
        })
        .await;
    }
    // The requests have left the proxy; a write takes longer than their way into Consul.
    fixture.agent.put("elsewhere", "1");
}

#[actix_rt::test]
async fn keys_have_the_values_of_the_snapshot() {
    // The wait is longer than the test's patience.
    let fixture = Fixture::of(TestAgent::dev(), |config| {
        config.with_wait(Duration::from_secs(600))
    });
    let agent = &fixture.agent;
    agent.put("app/a", "1");
    agent.put("app/b", "1");
    let kept = snapshot(agent);
    let mut key = fixture.watch(Key::new("app/a")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
    key.says(&["added app/a=1"]).await;
    prefix.says(&["added app/a=1", "added app/b=1"]).await;
    agent.put("app/a", "2");
    key.says(&["updated app/a=1→2"]).await;
    prefix.says(&["updated app/a=1→2"]).await;
    agent.put("app/c", "1");
    prefix.says(&["added app/c=1"]).await;
    held(&fixture, &["/v1/kv/app/a", "/v1/kv/app?recurse"]).await;
    restore(agent, &kept);
    key.says(&["updated app/a=2→1"]).await;
    let changed = prefix.next("the state of the snapshot").await;
    assert!(
        changed
            .current
            .iter()
            .any(|pair| pair.key == "app/a" && pair.value.as_deref() == Some(b"1"))
    );
    agent.put("app/b", "3");
    prefix
        .until("a write after it", |changed| {
            changed
                .current
                .iter()
                .any(|pair| pair.value.as_deref() == Some(b"3"))
        })
        .await;
}
