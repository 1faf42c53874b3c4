//! Many folders without a shared query, a watch of each, and their deliveries.

use std::time::Duration;

use actix::prelude::*;
use consul_watch::{Changed, KeyPrefix, Ready, Watch, WatchSupervisor};
use consul_watch_harness::TestAgent;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

struct Recorder(UnboundedSender<Changed<KeyPrefix>>);

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<Changed<KeyPrefix>> for Recorder {
    type Result = ();

    fn handle(&mut self, changed: Changed<KeyPrefix>, _: &mut Self::Context) {
        // The test may have failed meanwhile.
        let _ = self.0.send(changed);
    }
}

/// Folders with one key each, all watched by one subscriber.
pub(crate) struct Folders {
    count: usize,
    received: UnboundedReceiver<Changed<KeyPrefix>>,
}

impl Folders {
    /// Writes them, watches them, and waits until all of them are held or stand in line.
    pub(crate) async fn watch(
        count: usize,
        agent: &TestAgent,
        watches: &Addr<WatchSupervisor>,
        within: Duration,
    ) -> Self {
        let (out, received) = unbounded_channel();
        let subscriber = Recorder(out).start();
        let mut folders = Self { count, received };
        folders.write(agent, "first");
        for n in 0..count {
            let watch = Watch::new(KeyPrefix::new(name(n)), subscriber.clone());
            watches
                .send(watch)
                .await
                .expect("the supervisor runs")
                .expect("a new subscription");
        }
        let ready = tokio::time::timeout(within, watches.send(Ready::all())).await;
        ready
            .expect("ready in time")
            .expect("the supervisor runs")
            .expect("they can be answered");
        folders.are_delivered("first", within).await;
        folders
    }

    /// Writes each of them once.
    pub(crate) fn write(&self, agent: &TestAgent, value: &str) {
        for n in 0..self.count {
            agent.put(&format!("{}/key", name(n)), value);
        }
    }

    /// Waits until each watch has delivered this value of its folder, once and nothing else.
    pub(crate) async fn are_delivered(&mut self, value: &str, within: Duration) {
        let deadline = Instant::now() + within;
        let mut delivered = vec![false; self.count];
        for left in (1..=self.count).rev() {
            let changed = timeout_at(deadline, self.received.recv()).await;
            let changed =
                changed.unwrap_or_else(|_| panic!("{left} were not delivered within {within:?}"));
            let changed = changed.expect("the recorder runs");
            let [pair] = changed.current.as_slice() else {
                panic!("one key each: {changed:?}")
            };
            assert_eq!(
                pair.value.as_deref(),
                Some(value.as_bytes()),
                "{}",
                pair.key
            );
            let at: usize = pair.key["many/".len().."many/00000".len()]
                .parse()
                .expect("its number");
            assert!(
                !std::mem::replace(&mut delivered[at], true),
                "{} was delivered twice",
                pair.key
            );
        }
        assert!(
            self.received.try_recv().is_err(),
            "nothing else has changed"
        );
    }
}

fn name(n: usize) -> String {
    format!("many/{n:05}")
}
