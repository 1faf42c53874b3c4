//! The deliveries of one subscriber, and the laws that each keeps.

use std::collections::HashSet;
use std::sync::Arc;

use consul_watch::actors::Query;
use consul_watch::{Changed, Reason, Snapshot, SubscriptionId};

use crate::history::History;
use crate::run_state::RunState;
use crate::state::{Entry, State, is_ours, kind};
use crate::user_code::without_panics;
use crate::watched::Watched;

pub(crate) struct Checker<Q: Watched> {
    query: Q,
    /// The subscriber's behavior and code, to be named in a violation.
    subscriber: String,
    /// The subscription does not want every change.
    partial: bool,
    session: Option<SubscriptionId>,
    last: Option<Arc<Q::Value>>,
    /// The delivery that was not finished, after `last`.
    lost: Option<Arc<Q::Value>>,
    stopped: HashSet<SubscriptionId>,
    pub(crate) deliveries: u64,
}

/// The subscriber's view before a delivery that it did not finish.
pub(crate) struct Before<Q: Query>(Option<SubscriptionId>, Option<Arc<Q::Value>>);

impl<Q: Watched> Checker<Q> {
    pub(crate) fn new(query: Q, subscriber: String, partial: bool) -> Self {
        Self {
            query,
            subscriber,
            partial,
            session: None,
            last: None,
            lost: None,
            stopped: HashSet::new(),
            deliveries: 0,
        }
    }

    /// Records the reply to `Stop`: nothing more may be delivered by this subscription.
    pub(crate) fn unsubscribed(&mut self, subscription: SubscriptionId) {
        self.stopped.insert(subscription);
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.last.as_deref().map(|last| self.query.state(last))
    }

    /// Takes a delivery back, which is then owed again.
    pub(crate) fn undo(&mut self, before: Before<Q>) {
        self.lost = self.last.take();
        (self.session, self.last) = (before.0, before.1);
    }

    /// Checks a delivery against the last one.
    pub(crate) fn check(&mut self, changed: &Changed<Q>, run_state: &RunState) -> Before<Q> {
        without_panics(|| self.check_calmly(changed, run_state))
    }

    fn check_calmly(&mut self, changed: &Changed<Q>, run_state: &RunState) -> Before<Q> {
        let path = format!("{} of {}", changed.query.path(), self.subscriber);
        let law = |holds: bool, law: &str| {
            if !holds {
                run_state.violation(law, &format!("{path}: {changed:?}"));
            }
        };
        law(
            !self.stopped.contains(&changed.subscription),
            "delivered after the reply to Stop",
        );

        let begins = self.session != Some(changed.subscription);
        let before = Before(self.session.replace(changed.subscription), self.last.take());
        let lost = self.lost.take();
        let new = self.query.state(&changed.current);
        law(
            begins == (changed.reason == Reason::First),
            "the first delivery, and no other, is the first",
        );
        law(
            begins == changed.previous.is_none(),
            "every delivery but the first has a previous state",
        );
        let mut removals = Vec::new();
        if let (false, Some(last), Some(previous)) = (begins, &before.1, &changed.previous) {
            let mut old = self.query.state(last);
            // The lost one may have had effects, so even the state before it is delivered again.
            if let Some(lost) = lost.filter(|_| old == new) {
                old = self.query.state(&lost);
            }
            let previous = self.query.state(previous);
            if !self.partial && previous != old {
                let other: Vec<_> = differences(&previous, &old).collect();
                run_state.violation(
                    "`previous` is what was delivered last",
                    &format!("{path}: of previous and last: {other:?}"),
                );
            }
            law(old != new, "the same state twice in a row");
            law(!changed.changes().is_empty(), "a delivery without a change");
            for (name, entry) in &old {
                let there = new.get(name).is_some_and(|now| {
                    // Another index of creation: deleted and created again, or an older one came back.
                    now.created == entry.created || run_state.history.may_be_restored(&entry.value)
                });
                if !new.contains_key(name) {
                    removals.push(kind(name));
                }
                if !there && !run_state.history.may_be_gone(name, &entry.value) {
                    let value = String::from_utf8_lossy(&entry.value);
                    let shown = format!("{path}: {name} ({value:.100}) is not in {new:?}");
                    let law = format!("{}: is gone, and was not removed", kind(name));
                    run_state.violation(&law, &shown);
                }
            }
        } else {
            law(
                self.partial || changed.changes().len() == changed.current.items().len(),
                "at first everything is added",
            );
        }
        for (name, entry) in &new {
            law(
                !is_ours(name) || History::written(&entry.value).is_some(),
                &format!("nobody wrote the value of {name}"),
            );
        }
        run_state.count(|counters| {
            counters.deliveries += 1;
            counters.first += u64::from(begins);
            counters.resync += u64::from(changed.reason == Reason::Resync);
            counters.coalesced += changed.coalesced;
            counters.changes += changed.changes().len() as u64;
            for kind in removals {
                *counters.removals.entry(kind).or_default() += 1;
            }
        });
        self.deliveries += 1;
        self.last = Some(Arc::clone(&changed.current));
        before
    }
}

/// Returns what the states have not in common.
fn differences<'a>(
    one: &'a State,
    other: &'a State,
) -> impl Iterator<Item = (&'a String, Option<&'a Entry>, Option<&'a Entry>)> {
    let lost = other.keys().filter(|name| !one.contains_key(*name));
    let names = one.keys().chain(lost);
    let both = names.map(|name| (name, one.get(name), other.get(name)));
    both.filter(|(_, one, other)| one != other)
}
