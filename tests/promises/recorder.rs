//! A subscriber that hands on what it receives, and the laws that every delivery keeps.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::actors::{Query, changes};
use consul_watch::{Change, Changed, KvPair, Reason, Snapshot, SubscriptionId, View};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Ends a test that has failed; what comes, comes much sooner.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Hands on what it receives. With a gate, its handler works on each delivery until it is let go on.
pub(crate) struct Recorder<Q: Query> {
    out: UnboundedSender<Changed<Q>>,
    gate: Option<Arc<Semaphore>>,
}

impl<Q: Query> Actor for Recorder<Q> {
    type Context = Context<Self>;
}

impl<Q: Query> Handler<Changed<Q>> for Recorder<Q> {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, changed: Changed<Q>, _: &mut Self::Context) -> Self::Result {
        // A test that has ended wants nothing more.
        let _ = self.out.send(changed);
        let gate = self.gate.clone();
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.acquire().await.expect("it is never closed").forget();
            }
        })
    }
}

/// Ends the actor.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave;

impl<Q: Query> Handler<Leave> for Recorder<Q> {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// What one subscriber receives, in order.
pub(crate) struct Feed<Q: Query> {
    pub(crate) address: Addr<Recorder<Q>>,
    /// Set by [`Stage::watch`](crate::stage::Stage::watch).
    pub(crate) subscription: SubscriptionId,
    received: UnboundedReceiver<Changed<Q>>,
    last: Option<Arc<Q::Value>>,
    changes_only: bool,
    projected: bool,
}

impl<Q: Query> Feed<Q> {
    pub(crate) fn start() -> Self {
        Self::gated(None)
    }

    /// One whose handler needs a permit to come to the end of each delivery.
    pub(crate) fn slow(gate: &Arc<Semaphore>) -> Self {
        Self::gated(Some(Arc::clone(gate)))
    }

    fn gated(gate: Option<Arc<Semaphore>>) -> Self {
        let (out, received) = unbounded_channel();
        Self {
            address: Recorder { out, gate }.start(),
            subscription: SubscriptionId::default(),
            received,
            last: None,
            changes_only: false,
            projected: false,
        }
    }

    /// It was subscribed without the first state.
    pub(crate) fn of_changes_only(mut self) -> Self {
        self.changes_only = true;
        self
    }

    /// Its view takes other things for changes than the default one.
    pub(crate) fn projected(mut self) -> Self {
        self.projected = true;
        self
    }

    /// Its actor is subscribed anew: the next delivery is a first one.
    pub(crate) fn begin_again(&mut self) {
        self.last = None;
    }

    /// The next delivery, which has to come, and keeps the laws of all deliveries.
    pub(crate) async fn next(&mut self, what: &str) -> Changed<Q> {
        match tokio::time::timeout(SOON, self.received.recv()).await {
            Ok(Some(changed)) => {
                self.judge(what, &changed);
                changed
            }
            Ok(None) => panic!("{what}: the subscriber's actor has ended"),
            Err(late) => panic!("{what}: was not delivered within {SOON:?} ({late})"),
        }
    }

    /// The deliveries up to the first that fits.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        mut fits: impl FnMut(&Changed<Q>) -> bool,
    ) -> Vec<Changed<Q>> {
        let mut all = Vec::new();
        loop {
            let changed = self.next(what).await;
            let done = fits(&changed);
            all.push(changed);
            if done {
                return all;
            }
        }
    }

    /// The next delivery, if it is there already.
    pub(crate) fn waiting(&mut self) -> Option<Changed<Q>> {
        let changed = self.received.try_recv().ok()?;
        self.judge("a delivery that was waiting", &changed);
        Some(changed)
    }

    /// Nothing is there. Whether something was on its way is for a marker to show.
    #[track_caller]
    pub(crate) fn has_nothing(&mut self, why: &str) {
        if let Some(changed) = self.waiting() {
            panic!("{why}: yet {changed:?} was delivered");
        }
    }

    fn judge(&mut self, what: &str, changed: &Changed<Q>) {
        match (&self.last, &changed.previous) {
            (None, None) => {
                assert_eq!(
                    changed.reason,
                    Reason::First,
                    "{what}: without a previous it is a first one"
                );
                assert!(
                    !self.changes_only,
                    "{what}: the first state was not asked for"
                );
            }
            (None, Some(_)) => {
                assert!(
                    self.changes_only,
                    "{what}: a subscriber's first delivery has no previous: {changed:?}"
                );
            }
            (Some(_), None) => {
                panic!("{what}: a first state was delivered for the second time: {changed:?}")
            }
            (Some(last), Some(previous)) => {
                let between = changes(Some(&**last), &**previous, &View::default());
                assert!(
                    between.is_empty() || self.projected,
                    "{what}: `previous` is not what was delivered last: {between:?}"
                );
                assert_ne!(changed.reason, Reason::First, "{what}: it is not the first");
            }
        }
        if changed.reason != Reason::First {
            assert!(
                !changed.changes().is_empty(),
                "{what}: a delivery without a change: {changed:?}"
            );
        }
        self.last = Some(Arc::clone(&changed.current));
    }
}

impl<Q: Query<Value: Snapshot<Item = KvPair>>> Feed<Q> {
    /// The next delivery, which has to say exactly this: `added a=1`, `updated a=1→2`, `removed a=2`.
    pub(crate) async fn says(&mut self, expected: &[&str]) -> Changed<Q> {
        let what = format!("{expected:?}");
        let changed = self.next(&what).await;
        assert_eq!(
            said(&changed),
            expected,
            "reason {}, index {}",
            changed.reason,
            changed.index
        );
        changed
    }

    /// The next deliveries, which together have to say exactly this, in any order.
    pub(crate) async fn says_in_all(&mut self, expected: &[&str]) -> Vec<Changed<Q>> {
        let what = format!("{expected:?}");
        let mut expected: Vec<String> = expected.iter().map(|&text| text.to_owned()).collect();
        expected.sort();
        let (mut all, mut heard) = (Vec::new(), Vec::new());
        while heard.len() < expected.len() {
            let changed = self.next(&what).await;
            heard.extend(said(&changed));
            all.push(changed);
        }
        heard.sort();
        assert_eq!(heard, expected);
        all
    }
}

/// What changed, as [`Feed::says`] has it. A value of more than 60 bytes is told by its length.
pub(crate) fn said<Q: Query<Value: Snapshot<Item = KvPair>>>(changed: &Changed<Q>) -> Vec<String> {
    let told = |change: &Change<KvPair>| {
        let key = &change.item().key;
        match change {
            Change::Added(new) => format!("added {key}={}", text(new)),
            Change::Updated { old, new } => format!("updated {key}={}→{}", text(old), text(new)),
            Change::Removed(old) => format!("removed {key}={}", text(old)),
            other => panic!("a kind of change that these tests do not know: {other:?}"),
        }
    };
    changed.changes().iter().map(told).collect()
}

/// A pair's value as text.
pub(crate) fn text(pair: &KvPair) -> String {
    let value = pair.value.as_deref().unwrap_or_default();
    if value.len() > 60 {
        format!("({} bytes)", value.len())
    } else {
        String::from_utf8_lossy(value).into_owned()
    }
}

/// The values by their keys.
pub(crate) fn state<S: Snapshot<Item = KvPair> + Debug>(snapshot: &S) -> BTreeMap<String, Vec<u8>> {
    let pair = |pair: &Arc<KvPair>| {
        (
            pair.key.clone(),
            pair.value.as_deref().unwrap_or_default().to_vec(),
        )
    };
    snapshot.items().iter().map(pair).collect()
}
