//! A folder is one struct: defaults for what is missing, errors that name the key, reads from any thread.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use actix::prelude::*;
use consul_watch::{EventKind, KeyPrefix, Observe, WatchEvent};
use consul_watch_harness::eventually_async;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    recorder::{Feed, SOON},
    stage::Stage,
};

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

/// Hands on what it observes.
pub(crate) struct Observer(UnboundedSender<WatchEvent>);

impl Actor for Observer {
    type Context = Context<Self>;
}

impl Handler<WatchEvent> for Observer {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, _: &mut Self::Context) {
        // A test that has ended wants nothing more.
        let _ = self.0.send(event);
    }
}

pub(crate) struct Events {
    pub(crate) address: Addr<Observer>,
    received: UnboundedReceiver<WatchEvent>,
}

impl Events {
    pub(crate) fn start() -> Self {
        let (out, received) = unbounded_channel();
        Self {
            address: Observer(out).start(),
            received,
        }
    }

    /// The next rejection's text.
    pub(crate) async fn rejection(&mut self) -> String {
        loop {
            let event = tokio::time::timeout(SOON, self.received.recv())
                .await
                .expect("a rejection in time");
            if let EventKind::Rejected(reason) = event.expect("the observer lives").kind {
                return reason.to_string();
            }
        }
    }
}

#[actix::test]
async fn a_deleted_key_goes_back_to_its_default() {
    let stage = Stage::dev();
    let mut feed: Feed<_> = stage.watch(KeyPrefix::new("web").decode::<Web>()).await;
    assert_eq!(feed.next("the defaults").await.current.port, 80);

    stage.agent.put("web/port", b"8080");
    assert_eq!(feed.next("a key").await.current.port, 8080);
    stage.agent.put("web/timeout", b"1m30s");
    assert_eq!(
        feed.next("a duration").await.current.timeout,
        Duration::from_secs(90)
    );
    stage.agent.put("web/limits/a", b"3");
    assert_eq!(feed.next("a map").await.current.limits["a"], 3);
    stage.agent.put("web/hosts", br#"["x","y"]"#);
    assert_eq!(feed.next("a list").await.current.hosts, ["x", "y"]);

    stage.agent.delete("web/port");
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
async fn what_does_not_fit_is_told_and_the_last_good_value_stays() {
    let stage = Stage::dev();
    let mut events = Events::start();
    stage
        .watches
        .send(Observe::all(events.address.clone()))
        .await
        .unwrap();
    let mut feed: Feed<_> = stage
        .watch(KeyPrefix::new("web").decode::<Web>().deny_unknown_fields())
        .await;
    feed.next("the defaults").await;

    stage.agent.put("web/port", b"http");
    let told = events.rejection().await;
    assert!(
        told.contains("`web/port`") && told.contains("0 to 65535"),
        "{told}"
    );
    stage.agent.put("web/port", b"81");
    assert_eq!(feed.next("the mended key").await.current.port, 81);

    stage.agent.put("web/prot", b"82");
    let told = events.rejection().await;
    assert!(told.contains("`prot`") && told.contains("port"), "{told}");
    stage.agent.delete("web/prot");

    stage.agent.put("web/port/deeper", b"1");
    let told = events.rejection().await;
    assert!(
        told.contains("`web/port`") && told.contains("`web/port/deeper`"),
        "{told}"
    );
    stage.agent.delete("web/port/deeper");
    stage.agent.put("web/port", b"83");
    assert_eq!(feed.next("the next good value").await.current.port, 83);
}

/// Handlers on other threads read the live struct while keys change, and wait for nobody.
#[actix::test]
async fn any_thread_reads_the_live_struct_while_keys_change() {
    let stage = Stage::dev();
    let query = KeyPrefix::new("web").decode::<Web>();
    let _feed: Feed<_> = stage.watch(query.clone()).await;
    stage.ready().await;
    let snapshots = stage
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
            stage.agent.put("web/port", port.to_string());
        }
        let deadline = std::time::Instant::now() + SOON;
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
    eventually_async(SOON, "the last value", || {
        snapshots.get(&query).is_some_and(|web| web.port == 1299)
    })
    .await;
}
