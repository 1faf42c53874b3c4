//! The smallest thing that can be watched, for the engine's own unit tests.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use crate::value::snapshot::{Item, Snapshot};

/// An entry: `value` is its content, `stamp` only says when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: u64,
    pub(crate) stamp: u64,
}

impl Item for Entry {
    type Id<'a> = &'a str;

    fn id(&self) -> &str {
        &self.key
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A snapshot of entries.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Table(pub(crate) Vec<Arc<Entry>>);

impl Snapshot for Table {
    type Item = Entry;

    fn items(&self) -> &[Arc<Entry>] {
        &self.0
    }
}

impl Table {
    pub(crate) fn of(entries: &[(&str, u64, u64)]) -> Self {
        Self(
            entries
                .iter()
                .map(|&(key, value, stamp)| {
                    Arc::new(Entry {
                        key: key.to_owned(),
                        value,
                        stamp,
                    })
                })
                .collect(),
        )
    }

    pub(crate) fn to_map(&self) -> BTreeMap<String, (u64, u64)> {
        self.0
            .iter()
            .map(|entry| (entry.key.clone(), (entry.value, entry.stamp)))
            .collect()
    }

    pub(crate) fn reversed(&self) -> Self {
        Self(self.0.iter().rev().cloned().collect())
    }

    /// Few keys and few values, so that equal ones are common; in any order.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        prop::collection::btree_map("[a-e]{1,2}", (0u64..3, 0u64..3), 0..8)
            .prop_map(|map| {
                map.into_iter()
                    .map(|(key, (value, stamp))| Arc::new(Entry { key, value, stamp }))
                    .collect::<Vec<_>>()
            })
            .prop_shuffle()
            .prop_map(Table)
    }
}
