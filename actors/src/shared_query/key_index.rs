//! The members that a changed entry touches, by its routing key.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::query::shared::KeySelector;

/// Key selectors of many members. A lookup costs as many steps as there are different lengths of prefixes.
///
/// Only hashes are kept: a collision touches one member too many, which does no harm.
#[derive(Debug, Default)]
pub(super) struct KeyIndex {
    exact: BTreeSet<(u64, u64)>,
    prefixes: BTreeMap<u32, BTreeSet<(u64, u64)>>,
}

/// A selector as the index has it: smaller than its text, which a member need not keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexedSelector {
    hash: u64,
    /// The length of a prefix; `None` for a whole key.
    length: Option<u32>,
}

impl From<&KeySelector> for IndexedSelector {
    fn from(selector: &KeySelector) -> Self {
        let (text, length) = match selector {
            KeySelector::Exact(text) => (text, None),
            KeySelector::Prefix(text) => (text, Some(indexed_length(text))),
        };
        Self {
            hash: hash(text),
            length,
        }
    }
}

impl KeyIndex {
    pub(super) fn insert(&mut self, selector: IndexedSelector, member: u64) {
        match selector.length {
            None => self.exact.insert((selector.hash, member)),
            Some(length) => self
                .prefixes
                .entry(length)
                .or_default()
                .insert((selector.hash, member)),
        };
    }

    pub(super) fn remove(&mut self, selector: IndexedSelector, member: u64) {
        let Some(length) = selector.length else {
            self.exact.remove(&(selector.hash, member));
            return;
        };
        let Some(of_length) = self.prefixes.get_mut(&length) else {
            return;
        };
        of_length.remove(&(selector.hash, member));
        if of_length.is_empty() {
            self.prefixes.remove(&length);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Passes each member that selects this routing key to `found`.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(u64)) {
        with_text(&self.exact, text).for_each(&mut found);
        let shorter = self.prefixes.range(..=indexed_length(text));
        for (length, selectors) in shorter {
            // A length that ends within a character belongs to no prefix of this text.
            if let Some(start) = text.get(..*length as usize) {
                with_text(selectors, start).for_each(&mut found);
            }
        }
    }
}

fn with_text(selectors: &BTreeSet<(u64, u64)>, text: &str) -> impl Iterator<Item = u64> {
    let hash = hash(text);
    selectors
        .range((hash, 0)..=(hash, u64::MAX))
        .map(|(_, member)| *member)
}

/// The length of a text. A key of 4 GB does not exist: an answer is limited to much less.
fn indexed_length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn selector() -> impl Strategy<Value = KeySelector> {
        ("[abä/]{0,4}", any::<bool>()).prop_map(|(text, exact)| {
            if exact {
                KeySelector::Exact(text)
            } else {
                KeySelector::Prefix(text)
            }
        })
    }

    proptest! {
        #[test]
        fn finds_the_same_members_as_a_scan(
            selectors in prop::collection::vec(selector(), 0..30), gone in prop::collection::vec(any::<bool>(), 30), text in "[abä/]{0,6}",
        ) {
            let mut index = KeyIndex::default();
            for (member, selector) in selectors.iter().enumerate() {
                index.insert(selector.into(), member as u64);
            }
            let mut wanted = BTreeSet::new();
            for (member, selector) in selectors.iter().enumerate() {
                let touched = match selector {
                    KeySelector::Exact(exact) => *exact == text,
                    KeySelector::Prefix(start) => text.starts_with(&**start),
                };
                if gone[member] {
                    index.remove(selector.into(), member as u64);
                } else if touched {
                    wanted.insert(member as u64);
                }
            }
            let mut found = BTreeSet::new();
            index.find(&text, |member| {
                found.insert(member);
            });
            prop_assert_eq!(found, wanted);
        }
    }
}
