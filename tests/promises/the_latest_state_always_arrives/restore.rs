//! A restored snapshot is delivered at once, and not when the wait is over.
//!
//! Consul wakes a query of the KV store when a snapshot replaces the data, and answers it with the old value and index.
//! The data that follows has a lower index, beyond which the next query would wait to its end.

use std::{path::Path, time::Duration};

use consul_watch::{Key, KeyPrefix};
use consul_watch_harness::{
    DEADLINE, Fixture, TestAgent, eventually_async,
    fixture::{config, supervisor},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpStream, UnixListener},
};

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

/// Serves the proxy on a unix socket, where no budget shortens the first waits. Returns its address.
fn on_a_socket(fixture: &Fixture, folder: &Path) -> String {
    let socket = folder.join("consul.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let url = fixture.proxy.url();
    let proxy = url.trim_start_matches("http://").to_owned();
    actix_rt::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let proxy = proxy.clone();
            actix_rt::spawn(async move {
                if let Ok(mut far) = TcpStream::connect(proxy).await {
                    // Either end may close the connection at any time.
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    format!("unix://{}", socket.display())
}

/// The number of watches whose queries block beyond the restored data.
const STUCK: usize = 20;

/// A query that comes right after a restore, with an index of the data before, is not woken. Here the queries come with
/// such an index because their watches have read without one not long ago, after another restore.
#[actix_rt::test]
async fn a_query_that_blocks_beyond_the_restored_data_learns_of_it_from_another() {
    let mut fixture = Fixture::dev();
    let folder = tempfile::tempdir().expect("a folder");
    let address = on_a_socket(&fixture, folder.path());
    fixture.config = config(&address).with_wait(Duration::from_secs(600));
    fixture.watches = supervisor(&fixture.config);
    let agent = &fixture.agent;
    let names: Vec<_> = (0..STUCK).map(|n| format!("stuck/{n}")).collect();
    agent.put("app/a", "1");
    for name in &names {
        agent.put(name, "1");
    }
    let kept = snapshot(agent);
    let mut feeds = Vec::new();
    for name in &names {
        feeds.push(fixture.watch(Key::new(name)).await);
    }
    for (name, feed) in names.iter().zip(&mut feeds) {
        feed.says(&[&format!("added {name}=1")]).await;
    }
    let paths: Vec<_> = names.iter().map(|name| format!("/v1/kv/{name}")).collect();
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    for value in ["2", "3"] {
        for (name, feed) in names.iter().zip(&mut feeds) {
            agent.put(name, value);
            feed.says(&[&format!("updated {name}=1→{value}")]).await;
        }
        held(&fixture, &paths).await;
        let mut other = None;
        if value == "3" {
            // It has not read without an index yet.
            let mut feed = fixture.watch(Key::new("app/a")).await;
            feed.says(&["added app/a=1"]).await;
            agent.put("app/a", "2");
            feed.says(&["updated app/a=1→2"]).await;
            held(&fixture, &["/v1/kv/app/a"]).await;
            other = Some(feed);
        }
        let before = fixture.proxy.requests().len();
        restore(agent, &kept);
        if let Some(mut other) = other {
            other.says(&["updated app/a=2→1"]).await;
        }
        for (name, feed) in names.iter().zip(&mut feeds) {
            feed.says(&[&format!("updated {name}={value}→1")]).await;
        }
        let seen = fixture.proxy.requests().split_off(before);
        let plain = seen.iter().filter(|request| {
            request.target.starts_with("/v1/kv/stuck") && !request.target.contains("index=")
        });
        let plain = plain.count();
        assert!(plain <= 2 * STUCK, "{plain} reads without an index");
    }
    for (name, feed) in names.iter().zip(&mut feeds) {
        agent.put(name, "4");
        feed.says(&[&format!("updated {name}=1→4")]).await;
    }
}
