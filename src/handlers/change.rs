//! [`ErasedChange`]: a change of any type of watch, as a program receives it.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use consul_watch_actors::{ChangeKind, Changed, Reason, WatchPath};

use super::{
    handled_change::HandledChange, input::ProgramInput, job::Supersede, payload::HandlerPayload,
    payload_kind::PayloadKind,
};
use crate::text::escaped;

/// The greatest length of a name in a variable, in characters: longer than any key that a URL can name.
const MAX_NAME: usize = 1024;

/// A change whose type is erased.
pub(super) trait ErasedChange {
    /// The watch that it comes from.
    fn path(&self) -> WatchPath;

    /// The index of its state.
    fn index(&self) -> u64;

    /// The JSON of the state, without a newline, or the lines of its changes.
    fn payload(&self, kind: PayloadKind) -> serde_json::Result<Vec<u8>>;

    /// The input of the program: the JSON of the state and a newline, or the lines of its changes.
    fn input(&self, kind: PayloadKind) -> ProgramInput;

    /// The change itself, for the report of its handling.
    fn handled(&self) -> HandledChange;

    /// The summary that the program's environment has.
    fn summary(&self) -> ChangeSummary;

    /// Takes the place of an older change that was not handled. The changes count from where those of the
    /// older one did.
    fn supersede(&mut self, older: &dyn ErasedChange);

    fn as_any(&self) -> &dyn Any;
}

/// The summary of a change: what was added, updated and removed, and why it came.
#[derive(Debug)]
pub(super) struct ChangeSummary {
    index: u64,
    path: WatchPath,
    reason: Reason,
    coalesced: u64,
    counts: [usize; 3],
}

impl ChangeSummary {
    pub(super) fn variables(&self) -> BTreeMap<&'static str, String> {
        let [added, updated, removed] = self.counts;
        BTreeMap::from([
            // Consul's own variable. The others are additions.
            ("CONSUL_INDEX", self.index.to_string()),
            ("CONSUL_WATCH_TYPE", self.path.kind().to_owned()),
            ("CONSUL_WATCH_NAME", named(self.path.name())),
            ("CONSUL_WATCH_PATH", named(&self.path.to_string())),
            ("CONSUL_WATCH_REASON", self.reason.to_string()),
            ("CONSUL_WATCH_ADDED", added.to_string()),
            ("CONSUL_WATCH_UPDATED", updated.to_string()),
            ("CONSUL_WATCH_REMOVED", removed.to_string()),
            ("CONSUL_WATCH_COALESCED", self.coalesced.to_string()),
        ])
    }
}

/// A name from the outside as a variable has it: in one line, without control characters, and cut.
pub(super) fn named(name: &str) -> String {
    escaped(name, MAX_NAME).into_owned()
}

impl<Q: HandlerPayload> ErasedChange for Changed<Q> {
    fn path(&self) -> WatchPath {
        self.query.path()
    }

    fn index(&self) -> u64 {
        self.index
    }

    fn payload(&self, kind: PayloadKind) -> serde_json::Result<Vec<u8>> {
        match kind {
            PayloadKind::State => Q::payload(self),
            PayloadKind::Changes => {
                let mut lines = Vec::new();
                Q::write_changes(self, &self.changes(), &mut lines)?;
                Ok(lines)
            }
        }
    }

    fn input(&self, kind: PayloadKind) -> ProgramInput {
        let changed = self.clone();
        match kind {
            PayloadKind::State => ProgramInput::new(move |out| {
                Q::write_payload(&changed, out)?;
                out.write_all(b"\n")
            }),
            PayloadKind::Changes => {
                // Found once, since each piece of the input is written anew.
                let lines = changed.changes();
                ProgramInput::new(move |out| Ok(Q::write_changes(&changed, &lines, out)?))
            }
        }
    }

    fn handled(&self) -> HandledChange {
        HandledChange::new(self.clone())
    }

    fn summary(&self) -> ChangeSummary {
        let mut counts = [0; 3];
        for change in self.changes() {
            let count = match change.kind() {
                ChangeKind::Added => 0,
                ChangeKind::Removed => 2,
                _ => 1,
            };
            counts[count] += 1;
        }
        let (index, coalesced, reason) = (self.index, self.coalesced, self.reason);
        ChangeSummary {
            index,
            path: self.query.path(),
            reason,
            coalesced,
            counts,
        }
    }

    fn supersede(&mut self, older: &dyn ErasedChange) {
        if let Some(older) = older.as_any().downcast_ref::<Self>() {
            supersede(self, older);
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Lets a newer change take the place of an older one that was not handled, whose changes it then has too.
pub(crate) fn supersede<Q: HandlerPayload>(newer: &mut Changed<Q>, older: &Changed<Q>) {
    newer.previous.clone_from(&older.previous);
    newer.previous_index = older.previous_index;
    newer.reason = match older.reason {
        Reason::First => Reason::First,
        _ if newer.reason == Reason::First => older.reason,
        other => newer.reason.max(other),
    };
    newer.coalesced = newer
        .coalesced
        .saturating_add(older.coalesced)
        .saturating_add(1);
    // The queries are equal, so that one of them can be dropped.
    newer.query = Arc::clone(&older.query);
}

impl Supersede for Box<dyn ErasedChange> {
    fn supersede(&mut self, older: &Self) {
        ErasedChange::supersede(&mut **self, &**older);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, KvPair};

    fn state(value: Option<&'static str>, index: u64) -> Changed<Key> {
        let pair = |value: &str| KvPair {
            key: "a".to_owned(),
            value: Some(value.to_owned().into()),
            lock_index: 0,
            flags: 0,
            session: None,
            create_index: 1,
            modify_index: index,
            ..KvPair::default()
        };
        Changed::first(
            Key::new("a"),
            value.map(|value| Arc::new(pair(value))),
            index,
        )
    }

    #[test]
    fn the_environment_has_a_summary_of_the_change() {
        let variables = state(Some("x"), 7).summary().variables();
        let get = |name: &str| variables[format!("CONSUL_{name}").as_str()].as_str();
        assert_eq!(get("INDEX"), "7");
        assert_eq!(
            [get("WATCH_TYPE"), get("WATCH_NAME"), get("WATCH_PATH")],
            ["key", "a", "key:a"]
        );
        assert_eq!(get("WATCH_REASON"), "first");
        assert_eq!(
            [
                get("WATCH_ADDED"),
                get("WATCH_UPDATED"),
                get("WATCH_REMOVED")
            ],
            ["1", "0", "0"]
        );
    }

    #[test]
    fn the_lines_are_the_changes_that_the_environment_counts() {
        let lines = |change: &Changed<Key>| {
            let payload = change.payload(PayloadKind::Changes).unwrap();
            let mut input = Vec::new();
            change
                .input(PayloadKind::Changes)
                .write_to(&mut input)
                .unwrap();
            assert_eq!(payload, input);
            String::from_utf8(payload).unwrap()
        };
        assert_eq!(
            lines(&state(Some("x"), 7)),
            "{\"kind\":\"added\",\"name\":\"a\",\"old\":null,\"new\":\"x\",\"index\":7,\"reason\":\"first\",\"watch\":\"key:a\"}\n"
        );
        let mut failed = state(Some("y"), 2);
        failed.previous = Some(state(Some("x"), 1).current);
        let mut newest = state(Some("z"), 3);
        newest.previous = Some(Arc::clone(&failed.current));
        newest.supersede(&failed);
        assert!(lines(&newest).contains(r#""old":"x","new":"z""#));
        let mut undone = state(Some("x"), 1);
        undone.previous = Some(Arc::clone(&failed.current));
        undone.supersede(&failed);
        assert_eq!(lines(&undone), "");
    }

    #[test]
    fn changes_count_from_the_state_that_was_handled_last() {
        let [handled, missed] = [state(Some("x"), 1), state(None, 2)];
        let mut missed = missed;
        missed.previous = Some(Arc::clone(&handled.current));
        missed.reason = Reason::Change;
        let mut newest = state(Some("y"), 3);
        newest.previous = Some(Arc::clone(&missed.current));
        newest.reason = Reason::Change;
        newest.supersede(&missed);
        let summary = newest.summary();
        assert_eq!(
            (summary.counts, summary.coalesced, summary.reason),
            ([0, 1, 0], 1, Reason::Change)
        );
        let mut newest = newest;
        newest.supersede(&state(Some("w"), 0));
        assert_eq!(
            (newest.summary().counts, newest.reason),
            ([1, 0, 0], Reason::First)
        );
    }
}
