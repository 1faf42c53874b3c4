//! A folder is one struct: defaults for what is missing, errors that name the key, reads from any thread.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use consul_watch::{KeyPrefix, Stop};
use consul_watch_harness::{DEADLINE, Events, Feed, Fixture, eventually_async};

#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
struct Web {
    #[serde(default = "http")]
    port: u16,
    #[serde(default)]
    timeout: Duration,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    limits: HashMap<String, u32>,
}

fn http() -> u16 {
    80
}

#[actix::test]
async fn a_deleted_key_goes_back_to_its_default() {
    let fixture = Fixture::dev();
    let mut feed: Feed<_> = fixture.watch(KeyPrefix::new("web").decode::<Web>()).await;
    assert_eq!(feed.next("the defaults").await.current.port, 80);

    fixture.agent.put("web/port", b"8080");
    assert_eq!(feed.next("a key").await.current.port, 8080);
    fixture.agent.put("web/timeout", b"1m30s");
    assert_eq!(
        feed.next("a duration").await.current.timeout,
        Duration::from_secs(90)
    );
    fixture.agent.put("web/limits/a", b"3");
    assert_eq!(feed.next("a map").await.current.limits["a"], 3);
    fixture.agent.put("web/hosts", br#"["x","y"]"#);
    assert_eq!(feed.next("a list").await.current.hosts, ["x", "y"]);

    fixture.agent.delete("web/port");
    let changed = feed.next("the default again").await;
    assert_eq!(
        (
            changed.previous.as_ref().map(|old| old.port),
            changed.current.port
        ),
        (Some(8080), 80)
    );
}

#[actix::test]
async fn a_stop_by_its_folder_reaches_it() {
    let fixture = Fixture::dev();
    let mut feed: Feed<_> = fixture.watch(KeyPrefix::new("web").decode::<Web>()).await;
    feed.next("the defaults").await;
    let stopped = fixture.watches.send(Stop::path("web")).await.unwrap();
    assert_eq!(
        (stopped.subscriptions, stopped.not_watched),
        (1, Vec::new())
    );
    fixture.agent.put("web/port", b"8080");
    fixture.proxy.until_open(0, DEADLINE).await;
    feed.has_nothing("it was stopped");
}

#[actix::test]
async fn an_invalid_value_is_reported_and_the_last_good_one_stays() {
    let fixture = Fixture::dev();
    let mut events = Events::of(&fixture.watches).await;
    let mut feed: Feed<_> = fixture
        .watch(KeyPrefix::new("web").decode::<Web>().deny_unknown_fields())
        .await;
    feed.next("the defaults").await;

    fixture.agent.put("web/port", b"http");
    let told = events.rejection().await;
    assert!(
        told.contains("`web/port`") && told.contains("0 to 65535"),
        "{told}"
    );
    fixture.agent.put("web/port", b"81");
    assert_eq!(feed.next("the corrected key").await.current.port, 81);

    fixture.agent.put("web/prot", b"82");
    let told = events.rejection().await;
    assert!(told.contains("`prot`") && told.contains("port"), "{told}");
    fixture.agent.delete("web/prot");

    fixture.agent.put("web/port/deeper", b"1");
    let told = events.rejection().await;
    assert!(
        told.contains("`web/port`") && told.contains("`web/port/deeper`"),
        "{told}"
    );
    fixture.agent.delete("web/port/deeper");
    fixture.agent.put("web/port", b"83");
    assert_eq!(feed.next("the next good value").await.current.port, 83);
}

/// Handlers on other threads read the live struct while keys change, and wait for nobody.
#[actix::test]
async fn any_thread_reads_the_live_struct_while_keys_change() {
    let fixture = Fixture::dev();
    let query = KeyPrefix::new("web").decode::<Web>();
    let _feed: Feed<_> = fixture.watch(query.clone()).await;
    fixture.ready().await;
    let snapshots = fixture
        .watches
        .send(consul_watch::GetSnapshots)
        .await
        .unwrap();

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut reads, mut last) = (0u64, 0);
                    while !done.load(Ordering::Relaxed) {
                        let web = snapshots
                            .get(&query)
                            .expect("there is a value from `Ready` on");
                        assert!(
                            web.port >= last || web.port == 80,
                            "the port went from {last} to {}",
                            web.port
                        );
                        last = if web.port == 80 { 0 } else { web.port };
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        for port in 1000..1300 {
            fixture.agent.put("web/port", port.to_string());
        }
        let deadline = std::time::Instant::now() + DEADLINE;
        while snapshots.get(&query).map(|web| web.port) != Some(1299) {
            assert!(
                std::time::Instant::now() < deadline,
                "the last value is not readable"
            );
            thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().expect("no reader failed") > 0);
        }
    });
    eventually_async(DEADLINE, "the last value", || {
        snapshots.get(&query).is_some_and(|web| web.port == 1299)
    })
    .await;
}
