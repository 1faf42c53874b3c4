//! [`Fingerprint`]: the content of a state as a checkpoint keeps it, comparable and without any of its values.

use std::{collections::HashSet, fmt::Write as _};

use consul_watch_actors::Snapshot;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Fields that only say when something was written.
const INDEXES: [&str; 3] = ["CreateIndex", "ModifyIndex", "LockIndex"];

/// The number of entries that are remembered at most, unless the value has more. A watch of events remembers as
/// many.
const MAX_REMEMBERED: usize = 1280;

/// A digest of what was handled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fingerprint {
    /// The SHA-256 of a state's entries, in hexadecimal, whatever their order.
    Digest(String),
    /// The digest of each entry that was handled, of a value that only ever adds.
    Handled(Vec<String>),
}

impl Fingerprint {
    pub(super) fn of<S>(snapshot: &S) -> Self
    where
        S: Snapshot<Item: Serialize>,
    {
        if S::APPEND_ONLY {
            Self::Handled(snapshot.items().iter().map(|item| short(&**item)).collect())
        } else {
            Self::Digest(digest(snapshot))
        }
    }

    /// Whether this state brings nothing beyond what was handled.
    pub(super) fn covers<S>(&self, snapshot: &S) -> bool
    where
        S: Snapshot<Item: Serialize>,
    {
        match self {
            Self::Digest(seen) => *seen == digest(snapshot),
            Self::Handled(_) => {
                let handled = self.handled();
                let mut items = snapshot.items().iter();
                items.all(|item| handled.contains(short(&**item).as_str()))
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
        snapshot.retained(&|item| handled.contains(short(item).as_str()))
    }

    /// Adds what `earlier` remembers and the value no longer holds.
    pub(super) fn remember(&mut self, earlier: &Self) {
        if let (Self::Handled(now), Self::Handled(earlier)) = (self, earlier) {
            let known: HashSet<String> = now.iter().cloned().collect();
            let room = MAX_REMEMBERED.saturating_sub(now.len());
            let forgotten = earlier.iter().filter(|entry| !known.contains(*entry));
            now.extend(forgotten.take(room).cloned());
        }
    }

    fn handled(&self) -> HashSet<&str> {
        match self {
            Self::Digest(_) => HashSet::new(),
            Self::Handled(entries) => entries.iter().map(String::as_str).collect(),
        }
    }
}

fn digest<S>(snapshot: &S) -> String
where
    S: Snapshot<Item: Serialize>,
{
    let mut entries: Vec<_> = snapshot.items().iter().map(|item| entry(&**item)).collect();
    entries.sort_unstable();
    let mut all = Sha256::new();
    for entry in entries {
        all.update(entry);
    }
    hex(&all.finalize())
}

/// An entry of a value that only ever adds: it never changes, so half of its digest identifies it.
fn short<I: Serialize>(item: &I) -> String {
    hex(&entry(item)[..16])
}

fn entry<I: Serialize>(item: &I) -> [u8; 32] {
    // Every value was JSON before, so this does not fail.
    let mut json = serde_json::to_value(item).unwrap_or_default();
    leave_out_indexes(&mut json);
    Sha256::digest(json.to_string()).into()
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
        assert!(seen.covers(&vec![pair("b", "2", 9), pair("a", "1", 8)]));
        assert!(!seen.covers(&vec![pair("a", "1", 1), pair("b", "3", 1)]));
        assert!(!seen.covers(&vec![pair("a", "1", 1)]));
        assert!(!seen.covers(&Vec::<Arc<KvPair>>::new()));
    }

    #[test]
    fn of_events_those_count_that_were_handled_whatever_the_agent_has_forgotten() {
        let mut log = EventLog::default();
        for newest in 256..300 {
            log = EventLog::next(Some(&log), events(newest - 256..newest));
        }
        let seen = Fingerprint::of(&log);
        let after_restart = EventLog::next(None, events(43..299));
        assert!(seen.covers(&after_restart), "no news");
        assert!(seen.covers(&EventLog::default()), "an agent that restarted");
        let news = EventLog::next(None, events(45..301));
        assert!(!seen.covers(&news));
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
            assert!(next.covers(&EventLog::next(
                None,
                events((run - 1) * 256..(run + 1) * 256)
            )));
            seen = next;
        }
        let Fingerprint::Handled(entries) = seen else {
            panic!("events are remembered one by one")
        };
        assert_eq!(entries.len(), MAX_REMEMBERED);
    }
}
