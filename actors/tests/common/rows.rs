//! The values of the in-memory source: rows of a folder.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use consul_watch_actors::{Item, Snapshot};

/// A row: `value` is its content, `stamp` the index it was written at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    pub value: u64,
    pub stamp: u64,
    pub hidden_since: Option<SystemTime>,
}

impl Item for Row {
    type Id<'a> = &'a str;

    fn id(&self) -> &str {
        &self.key
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.value == other.value
    }

    fn hidden_since(&self) -> Option<SystemTime> {
        self.hidden_since
    }

    fn routing_key(&self) -> Option<&str> {
        assert!(
            self.key != Self::UNSPEAKABLE,
            "this row has no name, as the test wants it"
        );
        Some(&self.key)
    }
}

impl Row {
    /// The key of a row whose text cannot be asked for.
    pub const UNSPEAKABLE: &str = "unspeakable";
}

/// A folder's rows. Comparing two of which one holds [`Rows::CURSED`] panics.
#[derive(Debug, Clone)]
pub struct Rows(pub Vec<Arc<Row>>);

impl Rows {
    /// The value that cannot be compared.
    pub const CURSED: u64 = u64::MAX;

    pub fn to_map(&self) -> BTreeMap<String, u64> {
        self.0
            .iter()
            .map(|row| (row.key.clone(), row.value))
            .collect()
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        let cursed = |rows: &Self| rows.0.iter().any(|row| row.value == Self::CURSED);
        assert!(
            !cursed(self) && !cursed(other),
            "this value cannot be compared"
        );
        self.0 == other.0
    }
}

impl Snapshot for Rows {
    type Item = Row;

    fn items(&self) -> &[Arc<Row>] {
        &self.0
    }
}
