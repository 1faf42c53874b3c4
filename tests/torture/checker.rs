//! The deliveries of one subscriber, and the laws that each keeps.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use consul_watch::actors::Query;
use consul_watch::watch::DecodedPrefix;
use consul_watch::{
    Changed, ConsulConfig, Item, Key, KeyPrefix, KvPair, Reason, Snapshot, SubscriptionId, View,
};

use crate::history::History;
use crate::run_state::RunState;
use crate::user_code::{DecodedFolder, DerivedFolder, UserCode, without_panics};

/// By key: the index of its creation, and its value.
pub(crate) type State = BTreeMap<String, (u64, Vec<u8>)>;

/// A query of keys, whatever its value makes of them.
pub(crate) trait WatchedKeys: Query<Source = ConsulConfig> + Clone {
    /// Returns the keys of a value. A decoded one has no index of creation, which is 0 then.
    fn state(&self, value: &Self::Value) -> State;

    /// Returns the state that this query has to show when Consul has these keys.
    fn expected(&self, consul: State) -> State {
        consul
    }

    /// A view that panics at random and compares as the default one.
    fn equality_that_panics() -> View<<Self::Value as Snapshot>::Item> {
        type Watched<Q> = <<Q as Query>::Value as Snapshot>::Item;
        View::default().with_equality(|one: &Watched<Self>, other: &Watched<Self>| {
            UserCode::Equality.run();
            one.content_eq(other)
        })
    }

    /// A projection that panics at random and compares as the default view.
    fn projection_that_panics() -> View<<Self::Value as Snapshot>::Item> {
        Self::equality_that_panics()
    }
}

impl WatchedKeys for Key {
    fn state(&self, value: &Self::Value) -> State {
        pairs(value)
    }

    fn projection_that_panics() -> View<KvPair> {
        projection()
    }
}

impl WatchedKeys for KeyPrefix {
    fn state(&self, value: &Self::Value) -> State {
        pairs(value)
    }

    fn projection_that_panics() -> View<KvPair> {
        projection()
    }
}

impl WatchedKeys for DerivedFolder {
    fn state(&self, value: &Self::Value) -> State {
        pairs(value)
    }
}

impl WatchedKeys for DecodedPrefix<DecodedFolder> {
    fn state(&self, value: &Self::Value) -> State {
        let path = self.path().name().trim_end_matches('/').to_owned();
        let value = value.iter();
        value
            .map(|(name, value)| (format!("{path}/{name}"), (0, value.bytes())))
            .collect()
    }

    fn expected(&self, consul: State) -> State {
        consul
            .into_iter()
            .map(|(key, (_, value))| (key, (0, value)))
            .collect()
    }
}

fn projection() -> View<KvPair> {
    View::default().project(|pair: &KvPair| {
        UserCode::Projection.run();
        (pair.create_index, pair.value.clone())
    })
}

fn pairs<S: Snapshot<Item = KvPair>>(snapshot: &S) -> State {
    let value = |pair: &KvPair| pair.value.as_deref().unwrap_or_default().to_vec();
    snapshot
        .items()
        .iter()
        .map(|pair| (pair.key.clone(), (pair.create_index, value(pair))))
        .collect()
}

pub(crate) struct Checker<Q: WatchedKeys> {
    query: Q,
    /// The subscription does not want every change.
    partial: bool,
    session: Option<SubscriptionId>,
    last: Option<Arc<Q::Value>>,
    stopped: HashSet<SubscriptionId>,
    pub(crate) deliveries: u64,
}

/// The subscriber's view before a delivery that it did not finish.
pub(crate) struct Before<Q: Query>(Option<SubscriptionId>, Option<Arc<Q::Value>>);

impl<Q: WatchedKeys> Checker<Q> {
    pub(crate) fn new(query: Q, partial: bool) -> Self {
        Self {
            query,
            partial,
            session: None,
            last: None,
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
        (self.session, self.last) = (before.0, before.1);
    }

    /// Checks a delivery against the last one.
    pub(crate) fn check(&mut self, changed: &Changed<Q>, run_state: &RunState) -> Before<Q> {
        without_panics(|| self.check_calmly(changed, run_state))
    }

    fn check_calmly(&mut self, changed: &Changed<Q>, run_state: &RunState) -> Before<Q> {
        let path = changed.query.path();
        let law = |holds: bool, law: &str| {
            if !holds {
                // The state itself can be long.
                let shown = format!("{path}: {law}: {changed:?}")
                    .chars()
                    .take(400)
                    .collect();
                run_state.violation(shown);
            }
        };
        law(
            !self.stopped.contains(&changed.subscription),
            "delivered after the reply to Stop",
        );

        let begins = self.session != Some(changed.subscription);
        let before = Before(self.session.replace(changed.subscription), self.last.take());
        let new = self.query.state(&changed.current);
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
            let old = self.query.state(last);
            law(
                self.partial || self.query.state(previous) == old,
                "`previous` is what was delivered last",
            );
            law(old != new, "the same state twice in a row");
            law(!changed.changes().is_empty(), "a delivery without a change");
            for (key, (created, value)) in &old {
                let there = new.get(key).is_some_and(|(since, _)| since == created);
                removals += u64::from(!new.contains_key(key));
                law(
                    there || run_state.history.may_be_gone(key, value),
                    &format!("{key} was not deleted, yet is gone"),
                );
            }
        } else {
            law(
                self.partial || changed.changes().len() == changed.current.items().len(),
                "at first everything is added",
            );
        }
        for (key, (_, value)) in &new {
            law(
                History::written(value).is_some(),
                &format!("nobody wrote the value of {key}"),
            );
        }
        run_state.count(|counters| {
            counters.deliveries += 1;
            counters.first += u64::from(begins);
            counters.resync += u64::from(changed.reason == Reason::Resync);
            counters.coalesced += changed.coalesced;
            counters.changes += changed.changes().len() as u64;
            counters.removals += removals;
        });
        self.deliveries += 1;
        self.last = Some(Arc::clone(&changed.current));
        before
    }
}
