//! What one subscriber was shown, and the laws that every delivery keeps.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use consul_watch::actors::Query;
use consul_watch::{Changed, KvPair, Reason, Snapshot, SubscriptionId};

use crate::ledger::Ledger;
use crate::scene::Scene;

/// What can be watched here: keys.
pub(crate) trait Keys:
    Query<Source = consul_watch::ConsulConfig, Value: Snapshot<Item = KvPair>>
{
}

impl<Q: Query<Source = consul_watch::ConsulConfig, Value: Snapshot<Item = KvPair>>> Keys for Q {}

/// By key: when it was created, and its value.
pub(crate) type State = BTreeMap<String, (u64, Vec<u8>)>;

pub(crate) struct Record<Q: Query> {
    session: Option<SubscriptionId>,
    last: Option<Arc<Q::Value>>,
    stopped: HashSet<SubscriptionId>,
    pub(crate) deliveries: u64,
}

impl<Q: Query> Default for Record<Q> {
    fn default() -> Self {
        Self {
            session: None,
            last: None,
            stopped: HashSet::new(),
            deliveries: 0,
        }
    }
}

/// Where a subscriber was before a delivery that it did not come to the end of.
pub(crate) struct Before<Q: Query>(Option<SubscriptionId>, Option<Arc<Q::Value>>);

impl<Q: Keys> Record<Q> {
    /// The reply to `Stop` has come: nothing more may be delivered by this subscription.
    pub(crate) fn stopped(&mut self, subscription: SubscriptionId) {
        self.stopped.insert(subscription);
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.last.as_deref().map(state)
    }

    /// Takes a delivery back, which is then owed again.
    pub(crate) fn unsee(&mut self, before: Before<Q>) {
        (self.session, self.last) = (before.0, before.1);
    }

    /// Checks a delivery against the last one.
    pub(crate) fn see(&mut self, changed: &Changed<Q>, scene: &Scene) -> Before<Q> {
        let path = changed.query.path();
        let law = |holds: bool, law: &str| {
            if !holds {
                // The state itself can be long.
                let shown = format!("{path}: {law}: {changed:?}")
                    .chars()
                    .take(400)
                    .collect();
                scene.violation(shown);
            }
        };
        law(
            !self.stopped.contains(&changed.subscription),
            "delivered after the reply to Stop",
        );

        let begins = self.session != Some(changed.subscription);
        let before = Before(self.session.replace(changed.subscription), self.last.take());
        let new = state(&*changed.current);
        law(
            begins == (changed.reason == Reason::First),
            "the first delivery, and no other, is the first",
        );
        law(
            begins == changed.previous.is_none(),
            "every delivery but the first has a previous state",
        );
        let mut removals = 0;
        if let (false, Some(last), Some(previous)) = (begins, &before.1, &changed.previous) {
            let old = state(&**last);
            law(
                state(&**previous) == old,
                "`previous` is what was delivered last",
            );
            law(old != new, "the same state twice in a row");
            law(!changed.changes().is_empty(), "a delivery without a change");
            for (key, (created, value)) in &old {
                let there = new.get(key).is_some_and(|(since, _)| since == created);
                removals += u64::from(!new.contains_key(key));
                law(
                    there || scene.ledger.may_be_gone(key, value),
                    &format!("{key} was not deleted, yet is gone"),
                );
            }
        } else {
            law(
                changed.changes().len() == new.len(),
                "at first everything is added",
            );
        }
        for (key, (_, value)) in &new {
            law(
                Ledger::written(value).is_some(),
                &format!("nobody wrote the value of {key}"),
            );
        }
        scene.count(|tally| {
            tally.deliveries += 1;
            tally.first += u64::from(begins);
            tally.resync += u64::from(changed.reason == Reason::Resync);
            tally.coalesced += changed.coalesced;
            tally.changes += changed.changes().len() as u64;
            tally.removals += removals;
        });
        self.deliveries += 1;
        self.last = Some(Arc::clone(&changed.current));
        before
    }
}

fn state<S: Snapshot<Item = KvPair>>(snapshot: &S) -> State {
    let value = |pair: &KvPair| pair.value.as_deref().unwrap_or_default().to_vec();
    snapshot
        .items()
        .iter()
        .map(|pair| (pair.key.clone(), (pair.create_index, value(pair))))
        .collect()
}
