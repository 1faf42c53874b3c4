//! A subscriber that records what it receives, and its supervisor.

use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::{
    Backoff, Changed, ConsulConfig, Key, Status, Watch, WatchStatus, WatchSupervisor,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Ends a test that has failed.
pub(crate) const SOON: Duration = Duration::from_secs(30);

struct Recorder(UnboundedSender<Changed<Key>>);

impl Actor for Recorder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(2000);
    }
}

impl Handler<Changed<Key>> for Recorder {
    type Result = ();

    fn handle(&mut self, changed: Changed<Key>, _: &mut Self::Context) {
        let _ = self.0.send(changed);
    }
}

/// The deliveries of watches of keys, in the order of arrival.
pub(crate) struct Feed {
    recipient: Recipient<Changed<Key>>,
    received: UnboundedReceiver<Changed<Key>>,
}

impl Feed {
    pub(crate) fn start() -> Self {
        let (out, received) = unbounded_channel();
        Self {
            recipient: Recorder(out).start().recipient(),
            received,
        }
    }

    /// Subscribes it to one more key.
    pub(crate) async fn watch(&self, watches: &Addr<WatchSupervisor>, key: impl Into<String>) {
        let watch = Watch::new(Key::new(key.into()), self.recipient.clone());
        watches
            .send(watch)
            .await
            .expect("the supervisor runs")
            .expect("a new subscription");
    }

    /// The next delivery's value.
    pub(crate) async fn value(&mut self, what: &str) -> Option<String> {
        let changed = tokio::time::timeout(SOON, self.received.recv()).await;
        let changed = changed.unwrap_or_else(|_| panic!("{what}: did not come within {SOON:?}"));
        let changed = changed.expect("the recorder runs");
        let pair = changed.current.as_deref()?;
        Some(String::from_utf8_lossy(pair.value.as_deref().unwrap_or_default()).into_owned())
    }

    pub(crate) fn has_nothing(&mut self) {
        assert!(self.received.try_recv().is_err(), "nothing has changed");
    }
}

/// A supervisor that tries again soon.
pub(crate) fn supervisor(config: &ConsulConfig) -> Addr<WatchSupervisor> {
    let soon =
        Backoff::new(Duration::from_millis(20), Duration::from_millis(500)).expect("a back-off");
    WatchSupervisor::new(config.clone()).backoff(soon).start()
}

/// Waits until the status of this key fits.
pub(crate) async fn until(
    watches: &Addr<WatchSupervisor>,
    key: &str,
    mut fits: impl FnMut(&WatchStatus) -> bool,
) -> WatchStatus {
    let deadline = Instant::now() + SOON;
    loop {
        let mut all = watches
            .send(Status::path(key))
            .await
            .expect("the supervisor runs");
        let status = all.pop().expect("it is watched");
        if fits(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{key}: it is {status}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
