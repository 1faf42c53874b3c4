//! Keys and prefixes as members of the shared query of a wider prefix.

use std::{any::Any, sync::Arc};

#[cfg(feature = "cli")]
use consul_watch_actors::Query as _;
use consul_watch_actors::{Extracted, Input, KeySelector, Outcome, SharedBy};

use super::{key::Key, key_prefix::KeyPrefix, query_options::QueryOptions};
use crate::{absence, client::ConsulConfig, kv::KvPair};

/// The length of the longest prefix that is looked up, which bounds the cost of a giant name.
const MAX_LENGTH: usize = 512;

/// The length of the longest raw prefix that narrower queries look up.
#[cfg(feature = "cli")]
pub(crate) const MAX_ROOT_LENGTH: usize = MAX_LENGTH - 1;

/// Returns the declared root that serves a query: the query itself, otherwise the first wider one.
#[cfg(feature = "cli")]
pub(crate) fn nearest_root(query: &dyn Any, roots: &[KeyPrefix]) -> Option<usize> {
    let wider = if let Some(prefix) = query.downcast_ref::<KeyPrefix>() {
        let wider = prefix.shared_with().map(|_| prefix.wider());
        std::iter::once(prefix.clone())
            .chain(wider.unwrap_or_default())
            .collect()
    } else {
        let key = query.downcast_ref::<Key>()?;
        key.shared_with()?;
        key.wider()
    };
    wider
        .iter()
        .find_map(|wider| roots.iter().position(|root| root == wider))
}

/// Returns the prefixes that contain all keys with this prefix, the nearest first: folders, then raw ones.
fn wider_prefixes(name: &str, options: &QueryOptions) -> Vec<KeyPrefix> {
    let folders = name
        .match_indices('/')
        .filter(|(at, _)| *at < MAX_LENGTH)
        .flat_map(|(at, _)| [at, at + 1]);
    let mut folders: Vec<_> = std::iter::once(0)
        .chain(folders)
        .map(|end| &name[..end])
        .collect();
    folders.dedup();
    let ends = name
        .char_indices()
        .map(|(at, _)| at)
        .skip(1)
        .take_while(|at| *at < MAX_LENGTH);
    let raw: Vec<_> = ends
        .chain([name.len()])
        .filter(|end| *end > 0)
        .map(|end| &name[..end])
        .collect();
    // The wait and the limits of a query do not affect its result.
    let without_limits = options.without_limits();
    let mut found = Vec::new();
    for options in std::iter::once(options).chain(&without_limits) {
        // The folder without a name contains everything, `/a` too.
        let named = folders
            .iter()
            .rev()
            .map(|folder| KeyPrefix::with(*folder, false, options.clone()));
        found.extend(named);
        found.extend(
            raw.iter()
                .rev()
                .map(|prefix| KeyPrefix::with(*prefix, true, options.clone())),
        );
    }
    found
}

/// Finds the pair with this key.
fn find<'a>(pairs: &'a [Arc<KvPair>], key: &str) -> Option<&'a Arc<KvPair>> {
    // Consul sorts keys by their bytes, as `str` does.
    pairs
        .binary_search_by(|pair| pair.key.as_str().cmp(key))
        .ok()
        .map(|at| &pairs[at])
}

impl SharedBy<Self> for Key {
    fn wider_queries(&self) -> Vec<Input<Self>> {
        self.wider().into_iter().map(Input::of).collect()
    }

    fn key_selector(&self, source: &ConsulConfig) -> KeySelector {
        KeySelector::Exact(self.key(source))
    }

    fn extract(
        &self,
        source: &ConsulConfig,
        whole: &dyn Any,
        index: u64,
        previous: Option<&Option<Arc<KvPair>>>,
    ) -> Option<Extracted<Option<Arc<KvPair>>>> {
        let pairs = whole.downcast_ref::<Vec<Arc<KvPair>>>()?;
        let pair = find(pairs, &self.key(source));
        let same = match (previous, pair) {
            (Some(Some(old)), Some(new)) => Arc::ptr_eq(old, new),
            (Some(None), None) => true,
            _ => false,
        };
        let outcome = if same {
            Outcome::Unchanged
        } else {
            Outcome::Value(pair.cloned())
        };
        Some(Extracted {
            index: pair.map_or(index, |pair| pair.modify_index),
            outcome,
            confirm: !same && pair.is_none() && !absence::of_wider_list().is_proven(),
        })
    }
}

impl Key {
    /// Returns the prefixes that contain the key.
    pub(super) fn wider(&self) -> Vec<KeyPrefix> {
        let mut wider = vec![KeyPrefix::with(self.name(), false, self.options().clone())];
        wider.extend(wider_prefixes(self.name(), self.options()));
        wider
    }
}

impl SharedBy<Self> for KeyPrefix {
    fn wider_queries(&self) -> Vec<Input<Self>> {
        self.wider().into_iter().map(Input::of).collect()
    }

    fn key_selector(&self, source: &ConsulConfig) -> KeySelector {
        KeySelector::Prefix(self.full_prefix(source))
    }

    fn extract(
        &self,
        source: &ConsulConfig,
        whole: &dyn Any,
        index: u64,
        previous: Option<&Vec<Arc<KvPair>>>,
    ) -> Option<Extracted<Vec<Arc<KvPair>>>> {
        let all = whole.downcast_ref::<Vec<Arc<KvPair>>>()?;
        let prefix = self.full_prefix(source);
        let keep = self.matcher(&prefix);
        let from = all.partition_point(|pair| *pair.key < *prefix);
        let inside = all[from..]
            .iter()
            .take_while(|pair| pair.key.starts_with(&prefix));
        let pairs: Vec<_> = inside.filter(|pair| keep(&pair.key)).cloned().collect();
        let is_empty = pairs.is_empty();
        let same = previous.is_some_and(|old| {
            old.len() == pairs.len()
                && old
                    .iter()
                    .zip(&pairs)
                    .all(|(old, new)| Arc::ptr_eq(old, new))
        });
        let lost =
            previous.is_some_and(|old| old.iter().any(|old| find(&pairs, &old.key).is_none()));
        let latest = pairs.iter().map(|pair| pair.modify_index).max();
        Some(Extracted {
            // The index of a removal is not known more precisely than that of the whole list.
            index: latest.filter(|_| !lost).unwrap_or(index),
            outcome: if same {
                Outcome::Unchanged
            } else {
                Outcome::Value(pairs)
            },
            confirm: (lost || previous.is_none() && is_empty)
                && !absence::of_wider_list().is_proven(),
        })
    }

    fn extract_retaining(
        &self,
        source: &ConsulConfig,
        whole: &dyn Any,
        index: u64,
        previous: &Vec<Arc<KvPair>>,
    ) -> Option<Extracted<Vec<Arc<KvPair>>>> {
        let mut part = self.extract(source, whole, index, None)?;
        if let Outcome::Value(pairs) = &mut part.outcome {
            let missing = previous
                .iter()
                .filter(|old| find(pairs, &old.key).is_none());
            let missing: Vec<_> = missing.cloned().collect();
            pairs.extend(missing);
            pairs.sort_by(|a, b| a.key.as_str().cmp(b.key.as_str()));
        }
        Some(part)
    }
}

impl KeyPrefix {
    /// Returns the prefixes that contain all keys of this one.
    pub(super) fn wider(&self) -> Vec<Self> {
        wider_prefixes(self.name(), self.options())
            .into_iter()
            .filter(|wider| wider != self)
            .collect()
    }
}

#[cfg(test)]
mod tests;
