//! Which branches a changed entry touches.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::KeySelector;

/// The routes of many branches, found by the text of an entry in as many look-ups as there are lengths of
/// prefixes.
///
/// Of a text only its hash is kept: one branch too many that is looked at does no harm.
#[derive(Debug, Default)]
pub(super) struct Routes {
    exactly: BTreeSet<(u64, u64)>,
    beneath: BTreeMap<usize, BTreeSet<(u64, u64)>>,
}

impl Routes {
    pub(super) fn insert(&mut self, route: &KeySelector, branch: u64) {
        match route {
            KeySelector::Exact(text) => self.exactly.insert((hash(text), branch)),
            KeySelector::Prefix(text) => self
                .beneath
                .entry(text.len())
                .or_default()
                .insert((hash(text), branch)),
        };
    }

    pub(super) fn remove(&mut self, route: &KeySelector, branch: u64) {
        match route {
            KeySelector::Exact(text) => {
                self.exactly.remove(&(hash(text), branch));
            }
            KeySelector::Prefix(text) => {
                let Some(of_length) = self.beneath.get_mut(&text.len()) else {
                    return;
                };
                of_length.remove(&(hash(text), branch));
                if of_length.is_empty() {
                    self.beneath.remove(&text.len());
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The branches that an entry of this text belongs to, into `found`.
    pub(super) fn find(&self, text: &str, found: &mut BTreeSet<u64>) {
        found.extend(with_text(&self.exactly, text));
        let shorter = self.beneath.range(..=text.len());
        for (length, routes) in shorter {
            // A length that ends within a character is of no prefix of this text.
            if let Some(start) = text.get(..*length) {
                found.extend(with_text(routes, start));
            }
        }
    }
}

fn with_text(routes: &BTreeSet<(u64, u64)>, text: &str) -> impl Iterator<Item = u64> {
    let hash = hash(text);
    routes
        .range((hash, 0)..=(hash, u64::MAX))
        .map(|(_, branch)| *branch)
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

    fn route() -> impl Strategy<Value = KeySelector> {
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
        fn finds_what_a_look_at_each_finds(
            routes in prop::collection::vec(route(), 0..30), gone in prop::collection::vec(any::<bool>(), 30), text in "[abä/]{0,6}",
        ) {
            let mut index = Routes::default();
            for (branch, route) in routes.iter().enumerate() {
                index.insert(route, branch as u64);
            }
            let mut wanted = BTreeSet::new();
            for (branch, route) in routes.iter().enumerate() {
                let touched = match route {
                    KeySelector::Exact(exact) => *exact == text,
                    KeySelector::Prefix(start) => text.starts_with(&**start),
                };
                if gone[branch] {
                    index.remove(route, branch as u64);
                } else if touched {
                    wanted.insert(branch as u64);
                }
            }
            let mut found = BTreeSet::new();
            index.find(&text, &mut found);
            prop_assert_eq!(found, wanted);
        }
    }
}
