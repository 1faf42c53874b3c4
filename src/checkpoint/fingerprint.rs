//! [`Fingerprint`]: the content of a state as a checkpoint keeps it, comparable and without any of its values.

use std::collections::HashSet;

use consul_watch_actors::{Item, Snapshot};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    digest::digest_of,
    view_parts::{ViewDigest, ViewParts},
};
use crate::hex::hex;

/// Fields that only say when something was written.
const INDEXES: [&str; 3] = ["CreateIndex", "ModifyIndex", "LockIndex"];

/// The number of entries that are remembered at most, unless the value has more. A watch of events remembers as
/// many.
const MAX_REMEMBERED: usize = 1280;

/// The content that was handled: a salted digest, or the ids of entries that never change.
///
/// Two files do not show whether they hold the same content, and nobody can look a digest up in a
/// table that was made before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Fingerprint {
    Digest {
        /// Random bytes in hexadecimal, which no other checkpoint has.
        salt: String,
        /// The SHA-256 of the salt and of the state's entries, in hexadecimal, whatever their order.
        digest: String,
        /// The digest of all that counts for the subscriber, if it has a view.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        view: Option<ViewDigest>,
    },
    Handled {
        /// The id of each entry that was handled, of a value that only ever adds.
        handled: Vec<String>,
    },
}

impl Fingerprint {
    pub(super) fn of<S>(snapshot: &S) -> Self
    where
        S: Snapshot<Item: Serialize>,
    {
        Self::of_all_but(snapshot, &HashSet::new(), None)
    }

    /// Returns the fingerprint of a state of which these entries were not handled yet. Only entries of a value
    /// that only ever adds are handled one by one. With a view, it also covers states that differ outside of it.
    pub(super) fn of_all_but<S>(
        snapshot: &S,
        open: &HashSet<String>,
        view: Option<&ViewParts<S::Item>>,
    ) -> Self
    where
        S: Snapshot<Item: Serialize>,
    {
        if S::APPEND_ONLY {
            let ids = snapshot.items().iter().map(|item| entry_id(&**item));
            return Self::Handled {
                handled: ids.filter(|id| !open.contains(id)).collect(),
            };
        }
        let salt = random_salt();
        Self::Digest {
            digest: digest(&salt, snapshot),
            view: view.map(|view| view.digest(&salt, snapshot)),
            salt,
        }
    }

    /// Whether this state brings nothing beyond what was handled, to a subscriber with this view.
    pub(super) fn covers<S>(&self, snapshot: &S, view: Option<&ViewParts<S::Item>>) -> bool
    where
        S: Snapshot<Item: Serialize>,
    {
        match self {
            Self::Digest {
                salt,
                digest: seen,
                view: seen_parts,
            } => {
                let parts = view.zip(seen_parts.as_ref());
                // Where there is one, the view decides: it may count an index, which the whole leaves out.
                parts
                    .and_then(|(view, seen)| seen.matches(&view.digest(salt, snapshot)))
                    .unwrap_or_else(|| *seen == digest(salt, snapshot))
            }
            Self::Handled { .. } => {
                let handled = self.handled();
                let mut items = snapshot.items().iter();
                items.all(|item| handled.contains(entry_id(&**item).as_str()))
            }
        }
    }

    /// The part of this state that was handled, where there is such a thing.
    pub(super) fn handled_part<S>(&self, snapshot: &S) -> Option<S>
    where
        S: Snapshot<Item: Serialize>,
    {
        let handled = self.handled();
        if handled.is_empty() {
            return None;
        }
        snapshot.retained(&|item| handled.contains(entry_id(item).as_str()))
    }

    /// Adds what `earlier` remembers and the value no longer holds.
    pub(super) fn remember(&mut self, earlier: &Self) {
        if let (Self::Handled { handled: now }, Self::Handled { handled: earlier }) =
            (self, earlier)
        {
            let known: HashSet<String> = now.iter().cloned().collect();
            let room = MAX_REMEMBERED.saturating_sub(now.len());
            let forgotten = earlier.iter().filter(|entry| !known.contains(*entry));
            now.extend(forgotten.take(room).cloned());
        }
    }

    fn handled(&self) -> HashSet<&str> {
        match self {
            Self::Digest { .. } => HashSet::new(),
            Self::Handled { handled } => handled.iter().map(String::as_str).collect(),
        }
    }
}

/// Returns the id of an entry that never changes: its own, or a digest of its content if it has none.
pub(crate) fn entry_id<I: Item + Serialize>(item: &I) -> String {
    match item.routing_key() {
        Some(id) => id.to_owned(),
        None => hex(&entry(item)[..16]),
    }
}

fn random_salt() -> String {
    let mut salt = [0; 16];
    if getrandom::fill(&mut salt).is_err() {
        // Without a source of random numbers, the salt is at least different for each state.
        fastrand::fill(&mut salt);
    }
    hex(&salt)
}

fn digest<S>(salt: &str, snapshot: &S) -> String
where
    S: Snapshot<Item: Serialize>,
{
    let entries = snapshot.items().iter().map(|item| entry(&**item));
    digest_of(&[salt], entries.collect())
}

fn entry<I: Serialize>(item: &I) -> [u8; 32] {
    Sha256::digest(without_indexes(item).to_string()).into()
}

/// Returns an entry's JSON without the fields that only say when something was written.
pub(crate) fn without_indexes<I: Serialize>(item: &I) -> Value {
    // Every value was JSON before, so this does not fail.
    let mut json = serde_json::to_value(item).unwrap_or_default();
    leave_out_indexes(&mut json);
    json
}

fn leave_out_indexes(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            fields.retain(|name, _| !INDEXES.contains(&name.as_str()));
            fields.values_mut().for_each(leave_out_indexes);
        }
        Value::Array(entries) => entries.iter_mut().for_each(leave_out_indexes),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        kv::KvPair,
        model::{EventLog, UserEvent},
    };

    fn pair(key: &str, value: &'static str, index: u64) -> Arc<KvPair> {
        Arc::new(KvPair {
            key: key.to_owned(),
            value: Some(value.into()),
            create_index: index,
            modify_index: index,
            ..KvPair::default()
        })
    }

    fn events(ids: std::ops::Range<u64>) -> Vec<UserEvent> {
        let event = |id| UserEvent {
            id: format!("e{id}"),
            l_time: id,
            ..UserEvent::default()
        };
        ids.map(event).collect()
    }

    #[test]
    fn content_counts_and_indexes_and_order_do_not() {
        let seen = Fingerprint::of(&vec![pair("a", "1", 1), pair("b", "2", 1)]);
        assert!(seen.covers(&vec![pair("b", "2", 9), pair("a", "1", 8)], None));
        assert!(!seen.covers(&vec![pair("a", "1", 1), pair("b", "3", 1)], None));
        assert!(!seen.covers(&vec![pair("a", "1", 1)], None));
        assert!(!seen.covers(&Vec::<Arc<KvPair>>::new(), None));
    }

    #[test]
    fn no_two_checkpoints_of_one_content_are_alike() {
        let state = vec![pair("password", "hunter2", 1)];
        let [one, other] = [Fingerprint::of(&state), Fingerprint::of(&state)];
        assert_ne!(one, other);
        assert!(one.covers(&state, None) && other.covers(&state, None));
        let plain = hex(&Sha256::digest(entry(&*state[0])));
        assert!(!serde_json::to_string(&one).unwrap().contains(&plain));
    }

    #[test]
    fn events_are_known_by_their_ids_whatever_else_they_hold() {
        let seen = Fingerprint::of(&EventLog::next(None, events(1..3)));
        assert_eq!(
            serde_json::to_string(&seen).unwrap(),
            r#"{"handled":["e1","e2"]}"#
        );
        let mut again = events(1..3);
        again[0].version = 9;
        assert!(seen.covers(&EventLog::next(None, again), None));
    }

    #[test]
    fn entries_that_are_still_open_were_not_handled() {
        let log = EventLog::next(None, events(1..4));
        let seen = Fingerprint::of_all_but(&log, &HashSet::from(["e2".to_owned()]), None);
        let handled = seen.handled_part(&log).unwrap();
        let fresh = log.since(Some(&handled));
        assert_eq!(fresh.len(), 1);
        assert_eq!(fresh[0].id, "e2");
    }

    #[test]
    fn of_events_those_count_that_were_handled_whatever_the_agent_has_forgotten() {
        let mut log = EventLog::default();
        for newest in 256..300 {
            log = EventLog::next(Some(&log), events(newest - 256..newest));
        }
        let seen = Fingerprint::of(&log);
        let after_restart = EventLog::next(None, events(43..299));
        assert!(seen.covers(&after_restart, None), "no news");
        assert!(
            seen.covers(&EventLog::default(), None),
            "an agent that restarted"
        );
        let news = EventLog::next(None, events(45..301));
        assert!(!seen.covers(&news, None));
        let handled = seen.handled_part(&news).unwrap();
        let fresh = news.since(Some(&handled));
        let fresh: Vec<_> = fresh.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(fresh, ["e299", "e300"]);
    }

    #[test]
    fn what_was_handled_before_is_remembered_within_bounds() {
        let mut seen = Fingerprint::of(&EventLog::next(None, events(0..256)));
        for run in 1..20 {
            let mut next =
                Fingerprint::of(&EventLog::next(None, events(run * 256..(run + 1) * 256)));
            next.remember(&seen);
            assert!(next.covers(
                &EventLog::next(None, events((run - 1) * 256..(run + 1) * 256)),
                None
            ));
            seen = next;
        }
        let Fingerprint::Handled { handled } = seen else {
            panic!("events are remembered one by one")
        };
        assert_eq!(handled.len(), MAX_REMEMBERED);
    }

    #[cfg(feature = "cli")]
    #[test]
    fn an_index_that_the_view_counts_is_not_covered() {
        let created = |index| {
            let pair = KvPair::clone(&pair("a", "1", 1));
            vec![Arc::new(KvPair {
                create_index: index,
                ..pair
            })]
        };
        let view = ViewParts::new("CreateIndex", |pair: &KvPair| {
            Some(Value::from(pair.create_index))
        });
        let seen = Fingerprint::of_all_but(&created(1), &HashSet::new(), Some(&view));
        assert!(seen.covers(&created(1), Some(&view)));
        assert!(!seen.covers(&created(2), Some(&view)));
        assert!(
            seen.covers(&created(2), None),
            "it is left out of the whole"
        );
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_state_that_differs_outside_of_the_view_is_covered() {
        let view = |settings: &'static str| {
            ViewParts::new(settings, |pair: &KvPair| {
                pair.key.starts_with("in/").then(|| without_indexes(pair))
            })
        };
        let (ours, other) = (view("in/"), view("in/*"));
        let state = |inside: &'static str, outside: &'static str| {
            vec![pair("in/a", inside, 1), pair("out/a", outside, 2)]
        };
        let seen = Fingerprint::of_all_but(&state("1", "1"), &HashSet::new(), Some(&ours));
        let text = serde_json::to_string(&seen).unwrap();
        let seen: Fingerprint = serde_json::from_str(&text).unwrap();
        assert!(seen.covers(&state("1", "2"), Some(&ours)));
        assert!(!seen.covers(&state("2", "1"), Some(&ours)));
        // Another view knows no more than the whole.
        assert!(seen.covers(&state("1", "1"), Some(&other)));
        assert!(!seen.covers(&state("1", "2"), Some(&other)));
        assert!(!seen.covers(&state("1", "2"), None));
        let without = Fingerprint::of(&state("1", "1"));
        assert!(!without.covers(&state("1", "2"), Some(&ours)));
    }
}
