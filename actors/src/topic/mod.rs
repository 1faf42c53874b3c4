//! A watched value and those it is told to: what every keeper of a watch has.

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
    query::{Answer, Query},
    subscription::{
        Delivery, Next, Subscription,
        in_flight::{Acknowledgement, Outbox},
        registration::{Registration, Subscribe},
    },
    topic::{
        blocking_query::{Progress, Step},
        report::ReportKind,
        reporter::Link,
    },
    value::{diff_cache::Compared, snapshot::Snapshot, view::View},
    vec_map::Few,
};

type Item<Q> = <<Q as Query>::Value as Snapshot>::Item;

/// Where a watch stands, and the feeds of its subscribers.
#[derive(Debug)]
pub(crate) struct Feeds<Q: Query> {
    pub(crate) progress: Progress<Q::Value>,
    /// Boxed, since a list that they come and go in is moved about.
    pub(crate) subscribers: Few<SubscriptionId, Box<Subscribed<Q>>>,
    /// What could not be read last, so that the same is told once.
    pub(crate) rejection: Option<String>,
    compared: Compared<Q::Value>,
}

impl<Q: Query> Default for Feeds<Q> {
    fn default() -> Self {
        Self {
            progress: Progress::default(),
            subscribers: Few::default(),
            rejection: None,
            compared: Compared::default(),
        }
    }
}

/// One subscriber and its feed.
#[derive(Debug)]
pub(crate) struct Subscribed<Q: Query> {
    registration: Arc<Registration<Q>>,
    feed: Subscription<Q::Value>,
}

/// What an answer was good for.
pub(crate) enum Taken {
    /// News, which every subscriber is owed now: whether it is the first value of all, and comes after a break.
    News { first: bool, resync: bool },
    /// Nothing new.
    NoNews,
    /// Nothing that can be used.
    Rejected(Arc<dyn Error + Send + Sync>),
}

/// What is left to do for a subscriber.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pumped {
    /// Nothing.
    Done,
    /// Look again at this time.
    Wait(Instant),
    /// Its actor is gone.
    Gone,
}

impl<Q: Query> Feeds<Q> {
    /// Takes a subscriber on; it is owed the current state, if there is one. Runs no code of an application.
    pub(crate) fn subscribe(&mut self, message: Subscribe<Q>, now: Instant) {
        let Subscribe { id, registration } = message;
        let options = &registration.options;
        let (quiescence, skip_first) = (options.quiescence.clone(), options.skip_first.clone());
        let mut feed = Subscription::new(options.view.clone(), quiescence, skip_first);
        if let Some(current) = self.progress.current() {
            feed.offer(current, false, now);
        }
        self.subscribers
            .insert(id, Box::new(Subscribed { registration, feed }));
    }

    /// Takes an answer in, and writes down what it says for everybody to read.
    pub(crate) fn take_in(
        &mut self,
        answer: Answer<Q::Value>,
        link: &Link<Q>,
        now: Instant,
    ) -> Taken {
        {
            let mut slot = link.slot.write();
            slot.status.index = answer.position.index();
            slot.status.last_contact = answer.last_contact;
            slot.status.last_answer = Some(SystemTime::now());
        }
        match self.progress.step(answer) {
            Step::News(version, resync) => {
                // Readable before it is delivered, so that a handler never reads an older value.
                let value = Arc::clone(&version.value) as Arc<dyn Any + Send + Sync>;
                let replaced = link.slot.write().value.replace(value);
                for subscribed in self.subscribers.values_mut() {
                    subscribed.feed.offer(&version, resync, now);
                }
                let first = replaced.is_none();
                link.accept(&mut self.rejection);
                // After the lock, which a large value would hold for long.
                discard(replaced);
                Taken::News { first, resync }
            }
            Step::NoNews => {
                link.accept(&mut self.rejection);
                Taken::NoNews
            }
            Step::Rejected(reason) => Taken::Rejected(reason),
        }
    }

    /// Sends one subscriber what it is owed.
    pub(crate) fn pump(
        &mut self,
        id: SubscriptionId,
        link: &Link<Q>,
        outbox: &mut impl Outbox,
        now: Instant,
    ) -> Pumped {
        let Some(subscribed) = self.subscribers.get_mut(id) else {
            return Pumped::Done;
        };
        let feed = &mut subscribed.feed;
        // These are the subscriber's own code: its panic must not reach those it shares the watch with.
        if feed.is_undecided() && caught(|| feed.decide_first()).is_err() && feed.may_report(now) {
            tracing::warn!(
                path = %link.path, subscription = %id,
                "`skip_first_when` of a subscription panicked: its first state is delivered"
            );
            link.report(ReportKind::SubscriberPanicked(
                id,
                SubscriberCode::SkipFirst,
            ));
        }
        let next = if let Ok(next) = caught(|| feed.next(now, &mut self.compared)) {
            feed.view_returned();
            next
        } else {
            if feed.may_report(now) {
                tracing::warn!(
                    path = %link.path, subscription = %id,
                    "a projection, predicate or comparison of a subscription panicked: \
                     its updates wait until the code returns"
                );
                link.report(ReportKind::SubscriberPanicked(id, SubscriberCode::View));
            }
            feed.view_panicked(now)
        };
        match next {
            Next::Idle => Pumped::Done,
            Next::Skipped(version) => {
                if let Some(skipped) = &subscribed.registration.options.on_skipped
                    && caught(|| skipped(&version.value, version.index)).is_err()
                {
                    tracing::error!(path = %link.path, subscription = %id, "the subscriber's `on_skipped` panicked");
                }
                Pumped::Done
            }
            Next::Wait(due) => Pumped::Wait(due),
            Next::Deliver(delivery) => {
                let changed = changed(
                    &link.query,
                    id,
                    subscribed.registration.options.view.as_ref(),
                    delivery,
                );
                match subscribed.registration.subscriber.deliver(changed) {
                    Some(reply) => {
                        outbox.send(id, reply);
                        Pumped::Done
                    }
                    None => self.gone(id, EndReason::ActorEnded, link),
                }
            }
        }
    }

    /// A subscriber has answered, or its mailbox has: what is left to do for it.
    pub(crate) fn acknowledged(
        &mut self,
        Acknowledgement { id, result }: Acknowledgement,
        link: &Link<Q>,
        outbox: &mut impl Outbox,
    ) -> Pumped {
        let Some(subscribed) = self.subscribers.get_mut(id) else {
            return Pumped::Done;
        };
        match result {
            Ok(()) => subscribed.feed.acknowledged(),
            // Its actor was restarted in the middle, or is about to be found gone.
            Err(_) if subscribed.registration.subscriber.is_connected() => {
                subscribed.feed.lost(Instant::now());
            }
            Err(_) => return self.gone(id, EndReason::DuringUpdate, link),
        }
        // After nearly every delivery nothing waits, and the clock need not be asked.
        if subscribed.feed.is_idle() {
            return Pumped::Done;
        }
        self.pump(id, link, outbox, Instant::now())
    }

    fn gone(&mut self, id: SubscriptionId, reason: EndReason, link: &Link<Q>) -> Pumped {
        // Its closures are code of an application, and so are their destructors.
        discard(self.subscribers.remove(id));
        link.report(ReportKind::SubscriberGone(id, reason));
        Pumped::Gone
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
        current: delivery.current.value,
        reason: delivery.reason,
        coalesced: delivery.coalesced,
        view: view.cloned(),
    }
}
