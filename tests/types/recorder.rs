//! A subscriber that hands on what it receives.

use std::fmt::Display;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::actors::Query;
use consul_watch::{Changed, Item, Snapshot};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Ends a test that has failed; what comes, comes much sooner.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Hands on what it receives.
pub(crate) struct Recorder<Q: Query>(UnboundedSender<Changed<Q>>);

impl<Q: Query> Actor for Recorder<Q> {
    type Context = Context<Self>;
}

impl<Q: Query> Handler<Changed<Q>> for Recorder<Q> {
    type Result = ();

    fn handle(&mut self, changed: Changed<Q>, _: &mut Self::Context) {
        // A test that has ended wants nothing more.
        let _ = self.0.send(changed);
    }
}

/// What one subscriber receives, in order.
pub(crate) struct Feed<Q: Query> {
    pub(crate) address: Addr<Recorder<Q>>,
    received: UnboundedReceiver<Changed<Q>>,
}

impl<Q: Query> Feed<Q> {
    pub(crate) fn start() -> Self {
        let (out, received) = unbounded_channel();
        Self {
            address: Recorder(out).start(),
            received,
        }
    }

    /// The next delivery, which has to come.
    pub(crate) async fn next(&mut self, what: &str) -> Changed<Q> {
        match tokio::time::timeout(SOON, self.received.recv()).await {
            Ok(Some(changed)) => changed,
            Ok(None) => panic!("{what}: the subscriber's actor has ended"),
            Err(late) => panic!("{what}: was not delivered within {SOON:?}: {late}"),
        }
    }

    /// Nothing is there. Whether something was on its way is for a marker to show.
    #[track_caller]
    pub(crate) fn has_nothing(&mut self, why: &str) {
        if let Ok(changed) = self.received.try_recv() {
            panic!("{why}: yet {changed:?} was delivered");
        }
    }
}

impl<Q: Query<Value: Snapshot<Item: Item + Display>>> Feed<Q> {
    /// The next delivery, which has to say exactly this: `added …`, `updated …`, `removed …`.
    pub(crate) async fn says(&mut self, expected: &[&str]) -> Changed<Q> {
        let changed = self.next(&format!("{expected:?}")).await;
        assert_eq!(
            said(&changed),
            expected,
            "reason {}, index {}",
            changed.reason,
            changed.index
        );
        changed
    }
}

/// What changed, in words.
pub(crate) fn said<Q: Query<Value: Snapshot<Item: Item + Display>>>(
    changed: &Changed<Q>,
) -> Vec<String> {
    changed.changes().iter().map(ToString::to_string).collect()
}
