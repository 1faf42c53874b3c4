//! Many folders that no common query shares, with a watch of each, all of one subscriber.

use actix::prelude::*;
use consul_watch::{KeyPrefix, Ready, WatchSupervisor};
use consul_watch_harness::{DEADLINE, Feed, TestAgent};

/// Folders with one key each.
pub(crate) struct Folders {
    count: usize,
    feed: Feed<KeyPrefix>,
}

impl Folders {
    /// Writes them, watches them, and waits until each has its first state.
    pub(crate) async fn watch(
        count: usize,
        agent: &TestAgent,
        watches: &Addr<WatchSupervisor>,
    ) -> Self {
        let mut folders = Self {
            count,
            feed: Feed::start(),
        };
        folders.write(agent, "first");
        for n in 0..count {
            folders.feed.watch(watches, KeyPrefix::new(name(n))).await;
        }
        let ready = tokio::time::timeout(DEADLINE, watches.send(Ready::all())).await;
        ready
            .expect("ready in time")
            .expect("the supervisor runs")
            .expect("they can be answered");
        folders.deliver("first").await;
        folders
    }

    /// Writes each of them once.
    pub(crate) fn write(&self, agent: &TestAgent, value: &str) {
        for n in 0..self.count {
            agent.put(&format!("{}/key", name(n)), value);
        }
    }

    /// Waits until each watch has delivered this value of its folder, once, and nothing else.
    pub(crate) async fn deliver(&mut self, value: &str) {
        let mut delivered = vec![false; self.count];
        for left in (1..=self.count).rev() {
            let changed = self.feed.next(&format!("{left} deliveries")).await;
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
        self.feed.has_nothing("nothing else has changed");
    }
}

fn name(n: usize) -> String {
    format!("many/{n:05}")
}
