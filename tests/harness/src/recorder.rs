//! A subscriber that hands its deliveries to the test, and the laws that every delivery keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use consul_watch::actors::{Query, Source, WatchSupervisor, changes};
use consul_watch::{Changed, Reason, Snapshot, SubscriptionId, View, Watch, WatchPath};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::describe::{Describe, described};
use crate::wait::DEADLINE;

/// Hands its deliveries to a [`Feed`]. With a gate, its handler is busy with each until it gets a permit.
#[derive(Debug)]
pub struct Recorder<Q: Query> {
    out: UnboundedSender<Changed<Q>>,
    gate: Option<Arc<Semaphore>>,
}

impl<Q: Query> Actor for Recorder<Q> {
    type Context = Context<Self>;
}

impl<Q: Query> Handler<Changed<Q>> for Recorder<Q> {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, changed: Changed<Q>, _: &mut Self::Context) -> Self::Result {
        // Fails only when the test has ended.
        let _ = self.out.send(changed);
        let gate = self.gate.clone();
        Box::pin(async move {
            if let Some(gate) = gate
                && let Ok(permit) = gate.acquire().await
            {
                permit.forget();
            }
        })
    }
}

/// Ends the actor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StopActor;

impl<Q: Query> Handler<StopActor> for Recorder<Q> {
    type Result = ();

    fn handle(&mut self, _: StopActor, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// The deliveries to one subscriber, in order. The laws hold for each of its subscriptions.
#[derive(Debug)]
pub struct Feed<Q: Query> {
    /// The subscriber.
    pub address: Addr<Recorder<Q>>,
    /// Its last subscription.
    pub subscription: SubscriptionId,
    received: UnboundedReceiver<Changed<Q>>,
    /// By subscription; the path distinguishes those of different supervisors.
    last: BTreeMap<(WatchPath, SubscriptionId), Arc<Q::Value>>,
    changes_only: bool,
    projected: bool,
}

impl<Q: Query> Feed<Q> {
    /// Starts a recorder that handles each delivery at once.
    pub fn start() -> Self {
        Self::gated(None)
    }

    /// Starts a recorder whose handler needs a permit to finish each delivery.
    pub fn slow(gate: &Arc<Semaphore>) -> Self {
        Self::gated(Some(Arc::clone(gate)))
    }

    fn gated(gate: Option<Arc<Semaphore>>) -> Self {
        let (out, received) = unbounded_channel();
        Self {
            address: Recorder { out, gate }.start(),
            subscription: SubscriptionId::default(),
            received,
            last: BTreeMap::new(),
            changes_only: false,
            projected: false,
        }
    }

    /// Expects no first state: the subscription is one of changes only.
    #[must_use]
    pub fn of_changes_only(mut self) -> Self {
        self.changes_only = true;
        self
    }

    /// Expects a view that compares otherwise than the default one.
    #[must_use]
    pub fn projected(mut self) -> Self {
        self.projected = true;
        self
    }

    /// Subscribes the recorder, also to several queries of one type.
    ///
    /// # Panics
    ///
    /// When the supervisor refuses it.
    pub async fn watch<S>(&mut self, watches: &Addr<WatchSupervisor<S>>, query: Q)
    where
        S: Source,
        Q: Query<Source = S>,
    {
        self.subscribe(watches, Watch::new(query, self.address.clone()))
            .await;
    }

    pub(crate) async fn subscribe<S>(&mut self, watches: &Addr<WatchSupervisor<S>>, watch: Watch<Q>)
    where
        S: Source,
        Q: Query<Source = S>,
    {
        self.subscription = match watches.send(watch).await {
            Ok(Ok(subscription)) => subscription,
            other => panic!("not a new subscription: {other:?}"),
        };
    }

    /// Returns the next delivery, which has to come and to keep the laws of all deliveries.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn next(&mut self, what: &str) -> Changed<Q> {
        match tokio::time::timeout(DEADLINE, self.received.recv()).await {
            Ok(Some(changed)) => {
                self.judge(what, &changed);
                changed
            }
            Ok(None) => panic!("{what}: the subscriber's actor has ended"),
            Err(late) => panic!("{what}: was not delivered within {DEADLINE:?} ({late})"),
        }
    }

    /// Returns the deliveries up to the first that fits.
    ///
    /// # Panics
    ///
    /// When none of them does in time.
    pub async fn until(
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

    /// Returns the next delivery if it is there already.
    pub fn waiting(&mut self) -> Option<Changed<Q>> {
        let changed = self.received.try_recv().ok()?;
        self.judge("a delivery that was waiting", &changed);
        Some(changed)
    }

    /// Checks that no delivery is there. Only a marker can show that none is on its way.
    ///
    /// # Panics
    ///
    /// When one is there.
    #[track_caller]
    pub fn has_nothing(&mut self, why: &str) {
        if let Some(changed) = self.waiting() {
            panic!("{why}: yet {changed:?} was delivered");
        }
    }

    /// Ends the subscriber, and checks that it was delivered nothing before. An actor's mailbox is served in
    /// order, so whatever was in it shows.
    ///
    /// # Panics
    ///
    /// When something was delivered.
    pub async fn ends_with_nothing(&mut self, why: &str) {
        // Fails only when the actor has ended already.
        let _ = self.address.send(StopActor).await;
        self.has_nothing(why);
    }

    fn judge(&mut self, what: &str, changed: &Changed<Q>) {
        let subscription = (changed.query.path(), changed.subscription);
        match (self.last.get(&subscription), &changed.previous) {
            (None, None) => {
                assert_eq!(
                    changed.reason,
                    Reason::First,
                    "{what}: a delivery without `previous` is the first"
                );
                assert!(
                    !self.changes_only,
                    "{what}: a subscription of changes only got the first state"
                );
            }
            (None, Some(_)) => assert!(
                self.changes_only,
                "{what}: a subscriber's first delivery has no `previous`: {changed:?}"
            ),
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
        self.last.insert(subscription, Arc::clone(&changed.current));
    }
}

impl<Q: Query<Value: Snapshot<Item: Describe>>> Feed<Q> {
    /// Returns the next delivery, whose changes have to be exactly these, as [`Describe`] words them.
    ///
    /// # Panics
    ///
    /// When they are not, or it does not come in time.
    pub async fn says(&mut self, expected: &[&str]) -> Changed<Q> {
        let changed = self.next(&format!("{expected:?}")).await;
        assert_eq!(
            described(&changed),
            expected,
            "reason {}, index {}",
            changed.reason,
            changed.index
        );
        changed
    }

    /// Returns the next deliveries, whose changes together have to be exactly these, in any order.
    ///
    /// # Panics
    ///
    /// When they are not, or do not come in time.
    pub async fn says_in_all(&mut self, expected: &[&str]) -> Vec<Changed<Q>> {
        let what = format!("{expected:?}");
        let mut expected: Vec<String> = expected.iter().map(|&text| text.to_owned()).collect();
        expected.sort();
        let (mut all, mut received) = (Vec::new(), Vec::new());
        while received.len() < expected.len() {
            let changed = self.next(&what).await;
            received.extend(described(&changed));
            all.push(changed);
        }
        received.sort();
        assert_eq!(received, expected);
        all
    }
}
