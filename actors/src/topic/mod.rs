//! One watched value and its subscribers.

pub(crate) mod blocking_query;
pub(crate) mod outage;
pub(crate) mod report;
pub(crate) mod reporter;
pub(crate) mod snapshots;
pub(crate) mod state;

use std::{any::Any, error::Error, sync::Arc, time::SystemTime};

use tokio::time::Instant;

use crate::{
    caught::{caught, discard},
    messages::{
        changed::Changed,
        event::{EndReason, SubscriberCode},
        subscription_id::SubscriptionId,
    },
    query::{Query, QueryResponse},
    subscription::{
        Delivery, NextDelivery, Subscription,
        in_flight::{Acknowledgement, Outbox},
        registration::{Registration, Subscribe},
    },
    topic::{
        blocking_query::{BlockingQueryState, Step},
        report::ReportKind,
        reporter::Reporter,
    },
    value::{diff_cache::DiffCache, snapshot::Snapshot, view::View},
    vec_map::VecMap,
};

type Item<Q> = <<Q as Query>::Value as Snapshot>::Item;

/// Where a watch stands, and the feeds of its subscribers.
#[derive(Debug)]
pub(crate) struct Topic<Q: Query> {
    pub(crate) query_state: BlockingQueryState<Q::Value>,
    /// Boxed, since a list that they come and go in is moved about.
    pub(crate) subscribers: VecMap<SubscriptionId, Box<SubscriberEntry<Q>>>,
    /// The text of the last rejection, so that the same one is reported once.
    pub(crate) rejection: Option<Box<str>>,
    diff_cache: DiffCache<Q::Value>,
}

impl<Q: Query> Default for Topic<Q> {
    fn default() -> Self {
        Self {
            query_state: BlockingQueryState::default(),
            subscribers: VecMap::default(),
            rejection: None,
            diff_cache: DiffCache::default(),
        }
    }
}

/// One subscriber and its feed.
#[derive(Debug)]
pub(crate) struct SubscriberEntry<Q: Query> {
    registration: Arc<Registration<Q>>,
    feed: Subscription<Q::Value>,
}

/// The effect of a response.
pub(crate) enum Applied {
    /// News, which every subscriber is owed now: whether it is the first value of all, and comes after a break.
    Changed { first: bool, resync: bool },
    /// Nothing new.
    Unchanged,
    /// Nothing that can be used.
    Rejected(Arc<dyn Error + Send + Sync>),
}

/// The next step for a subscriber.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DeliveryOutcome {
    /// Nothing.
    Done,
    /// Look again at this time.
    Wait(Instant),
    /// Its actor is gone.
    Gone,
}

impl<Q: Query> Topic<Q> {
    /// Takes a subscriber on; it is owed the current state, if there is one. Runs no code of an application.
    pub(crate) fn subscribe(&mut self, message: Subscribe<Q>, now: Instant) {
        let Subscribe { id, registration } = message;
        let options = &registration.options;
        let (quiescence, skip_first) = (options.quiescence.clone(), options.skip_first.clone());
        let mut feed = Subscription::new(options.view.clone(), quiescence, skip_first);
        if let Some(current) = self.query_state.current() {
            feed.offer(current, false, now);
        }
        self.subscribers
            .insert(id, Box::new(SubscriberEntry { registration, feed }));
    }

    /// Takes an answer in, and writes down what it says for everybody to read.
    pub(crate) fn apply(
        &mut self,
        answer: QueryResponse<Q::Value>,
        reporter: &Reporter<Q>,
        now: Instant,
    ) -> Applied {
        {
            let mut cell = reporter.cell.write();
            cell.status.index = answer.position.index();
            cell.status.last_contact = answer.last_contact;
            cell.status.last_answer = Some(SystemTime::now());
        }
        match self.query_state.step(answer) {
            Step::Changed(version, resync) => {
                // Readable before it is delivered, so that a handler never reads an older value.
                let value = Arc::clone(&version.value) as Arc<dyn Any + Send + Sync>;
                let hidden = caught(|| version.value.hidden()).unwrap_or_default();
                let replaced = {
                    let mut cell = reporter.cell.write();
                    cell.status.hidden = hidden.map(Arc::new);
                    cell.value.replace(value)
                };
                for subscribed in self.subscribers.values_mut() {
                    subscribed.feed.offer(&version, resync, now);
                }
                let first = replaced.is_none();
                reporter.accept(&mut self.rejection);
                // After the lock, which a large value would hold for long.
                discard(replaced);
                Applied::Changed { first, resync }
            }
            Step::Unchanged => {
                reporter.accept(&mut self.rejection);
                Applied::Unchanged
            }
            Step::Rejected(reason) => Applied::Rejected(reason),
        }
    }

    /// Sends one subscriber what it is owed.
    pub(crate) fn deliver_next(
        &mut self,
        id: SubscriptionId,
        reporter: &Reporter<Q>,
        outbox: &mut impl Outbox,
        now: Instant,
    ) -> DeliveryOutcome {
        let diff_cache = (self.subscribers.len() > 1).then_some(&mut self.diff_cache);
        let Some(subscribed) = self.subscribers.get_mut(id) else {
            return DeliveryOutcome::Done;
        };
        let feed = &mut subscribed.feed;
        // These are the subscriber's own code: its panic must not reach those it shares the watch with.
        if feed.is_undecided() && caught(|| feed.decide_first()).is_err() {
            tracing::warn!(
                path = %reporter.path, subscription = %id,
                "`skip_first_when` of a subscription panicked: its first state is delivered"
            );
            reporter.report(ReportKind::SubscriberPanicked(
                id,
                SubscriberCode::SkipFirst,
            ));
        }
        let next = if let Ok(next) = caught(|| feed.next(now, diff_cache)) {
            feed.view_returned();
            next
        } else {
            if feed.reports_view_panic(now) {
                tracing::warn!(
                    path = %reporter.path, subscription = %id,
                    "a projection, predicate or comparison of a subscription panicked: \
                     its updates wait until the code returns"
                );
                reporter.report(ReportKind::SubscriberPanicked(id, SubscriberCode::View));
            }
            feed.view_panicked(now)
        };
        match next {
            NextDelivery::Idle => DeliveryOutcome::Done,
            NextDelivery::Skipped(version) => {
                if let Some(skipped) = &subscribed.registration.options.on_skipped
                    && caught(|| skipped(&version.value, version.index)).is_err()
                {
                    tracing::error!(path = %reporter.path, subscription = %id, "the subscriber's `on_skipped` panicked");
                }
                DeliveryOutcome::Done
            }
            NextDelivery::Wait(due) => DeliveryOutcome::Wait(due),
            NextDelivery::Deliver(delivery) => {
                let changed = changed(
                    &reporter.query,
                    id,
                    subscribed.registration.options.view.as_ref(),
                    delivery,
                );
                match subscribed.registration.subscriber.deliver(changed) {
                    Some(reply) => {
                        outbox.send(id, reply);
                        DeliveryOutcome::Done
                    }
                    None => self.gone(id, EndReason::ActorEnded, reporter),
                }
            }
        }
    }

    /// A subscriber has answered, or its mailbox has: what is left to do for it.
    pub(crate) fn acknowledged(
        &mut self,
        Acknowledgement { id, result }: Acknowledgement,
        reporter: &Reporter<Q>,
        outbox: &mut impl Outbox,
    ) -> DeliveryOutcome {
        let Some(subscribed) = self.subscribers.get_mut(id) else {
            return DeliveryOutcome::Done;
        };
        match result {
            Ok(()) => subscribed.feed.acknowledged(),
            // Its actor was restarted in the middle, or is about to be found gone.
            Err(_) if subscribed.registration.subscriber.is_connected() => {
                subscribed.feed.lost(Instant::now());
            }
            Err(_) => return self.gone(id, EndReason::DuringUpdate, reporter),
        }
        // After nearly every delivery nothing waits, and the clock need not be asked.
        if subscribed.feed.is_idle() {
            return DeliveryOutcome::Done;
        }
        self.deliver_next(id, reporter, outbox, Instant::now())
    }

    fn gone(
        &mut self,
        id: SubscriptionId,
        reason: EndReason,
        reporter: &Reporter<Q>,
    ) -> DeliveryOutcome {
        // Its closures are code of an application, and so are their destructors.
        discard(self.subscribers.remove(id));
        reporter.report(ReportKind::SubscriberGone(id, reason));
        DeliveryOutcome::Gone
    }
}

fn changed<Q: Query>(
    query: &Arc<Q>,
    subscription: SubscriptionId,
    view: Option<&Arc<View<Item<Q>>>>,
    delivery: Delivery<Q::Value>,
) -> Changed<Q> {
    Changed {
        query: Arc::clone(query),
        subscription,
        index: delivery.current.index,
        previous_index: delivery.previous.as_ref().map(|version| version.index),
        previous: delivery.previous.map(|version| version.value),
        unproven: delivery.current.unproven,
        current: delivery.current.value,
        reason: delivery.reason,
        coalesced: delivery.coalesced,
        view: view.cloned(),
    }
}
