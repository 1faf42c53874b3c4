//! Keys and prefixes as members of the shared query of a wider prefix.

use std::{any::Any, sync::Arc};

use consul_watch_actors::{Extracted, Input, KeySelector, Outcome, SharedBy};

use super::{key::Key, key_prefix::KeyPrefix, query_options::QueryOptions};
use crate::{absence, client::ConsulConfig, kv::KvPair};

/// The length of the longest prefix that is looked up, which bounds the cost of a giant name.
const LONGEST: usize = 512;

/// The length of the longest raw prefix that narrower queries look up.
#[cfg(feature = "cli")]
pub(crate) const LONGEST_ROOT: usize = LONGEST - 1;

/// Returns the declared root that serves a query: the query itself, otherwise the first wider one.
#[cfg(feature = "cli")]
pub(crate) fn nearest_root(query: &dyn Any, roots: &[KeyPrefix]) -> Option<usize> {
    let wider = if let Some(prefix) = query.downcast_ref::<KeyPrefix>() {
        std::iter::once(prefix.clone())
            .chain(prefix.wider())
            .collect()
    } else {
        query.downcast_ref::<Key>()?.wider()
    };
    wider
        .iter()
        .find_map(|wider| roots.iter().position(|root| root == wider))
}

/// Returns the prefixes that contain all keys with this prefix, the nearest first: folders, then raw ones.
pub(super) fn wider(name: &str, options: &QueryOptions) -> Vec<KeyPrefix> {
    let folders = name
        .match_indices('/')
        .filter(|(at, _)| *at < LONGEST)
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
        .take_while(|at| *at < LONGEST);
    let raw: Vec<_> = ends
        .chain([name.len()])
        .filter(|end| *end > 0)
        .map(|end| &name[..end])
        .collect();
    // The wait of a query does not affect its result.
    let without_wait = options.without_wait();
    let mut found = Vec::new();
    for options in std::iter::once(options).chain(&without_wait) {
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
        wider.extend(super::shared_query::wider(self.name(), self.options()));
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
        let beneath = all[from..]
            .iter()
            .take_while(|pair| pair.key.starts_with(&prefix));
        let pairs: Vec<_> = beneath.filter(|pair| keep(&pair.key)).cloned().collect();
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
            confirm: lost && !absence::of_wider_list().is_proven(),
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
        wider(self.name(), self.options())
            .into_iter()
            .filter(|wider| wider != self)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consul_watch_actors::Query;

    use crate::kv::Folder;

    fn names(prefixes: &[KeyPrefix]) -> Vec<String> {
        prefixes
            .iter()
            .map(|prefix| prefix.path().to_string())
            .collect()
    }

    #[test]
    fn the_wider_prefixes_of_a_key_contain_it() {
        let key = Key::new("a/ä/b");
        let wider = key.wider();
        assert_eq!(
            wider[..4],
            ["a/ä/b", "a/ä/", "a/ä", "a/"].map(KeyPrefix::new)
        );
        assert!(wider.contains(&KeyPrefix::new("")) && wider.contains(&KeyPrefix::raw("a/ä/b")));
        assert!(wider.contains(&KeyPrefix::raw("a")) && !wider.contains(&KeyPrefix::new("b")));
        for prefix in &wider {
            assert!(prefix.matcher(prefix.name())("a/ä/b"), "{}", prefix.path());
        }
    }

    #[test]
    fn the_wider_prefixes_of_a_prefix_contain_all_of_its_keys() {
        for narrow in [
            KeyPrefix::new("a/b"),
            KeyPrefix::new("a/b/"),
            KeyPrefix::raw("a/b"),
            KeyPrefix::raw("a/b/"),
        ] {
            let wider = narrow.wider();
            assert!(!wider.contains(&narrow) && wider.contains(&KeyPrefix::new("a")));
            for prefix in wider {
                for key in ["a/b", "a/b/", "a/b/c", "a/bc", "a/b/c/d"] {
                    if narrow.matcher(narrow.name())(key) {
                        assert!(
                            prefix.matcher(prefix.name())(key),
                            "{} in {}",
                            narrow.path(),
                            prefix.path()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn only_queries_with_the_same_options_are_shared() {
        let key = Key::new("a/b")
            .with_datacenter("east")
            .with_wait(std::time::Duration::from_secs(9));
        let names = names(&key.wider());
        assert!(
            names.iter().all(|name| name.contains("dc=east")),
            "{names:?}"
        );
        assert!(
            key.wider()
                .contains(&KeyPrefix::new("a").with_datacenter("east")),
            "the wait may differ"
        );
    }

    #[cfg(feature = "cli")]
    #[test]
    fn the_nearest_declared_root_serves_a_query() {
        let longest = "a".repeat(LONGEST_ROOT);
        let roots = [
            KeyPrefix::raw("app"),
            KeyPrefix::new("app/"),
            KeyPrefix::new("app/web/"),
            KeyPrefix::raw("conf/w"),
            KeyPrefix::raw(&longest),
        ];
        let key = |name: &str| nearest_root(&Key::new(name), &roots);
        let prefix = |name: &str| nearest_root(&KeyPrefix::raw(name), &roots);
        assert_eq!(
            [
                key("app/limits"),
                key("app/web/port"),
                key("apple"),
                key("conf/web")
            ],
            [1, 2, 0, 3].map(Some)
        );
        assert_eq!(
            [
                prefix("app/"),
                prefix("app/x/"),
                prefix("app"),
                prefix("app/web/")
            ],
            [1, 1, 0, 2].map(Some)
        );
        assert_eq!(
            [key(&format!("{longest}/x")), prefix(&format!("{longest}a"))],
            [4, 4].map(Some)
        );
        let others = [key("b"), key("/app/x"), prefix("conf/"), prefix("")];
        assert_eq!(others, [None; 4]);
        assert_eq!(
            nearest_root(&Key::new("app/x").with_token("t"), &roots),
            None
        );
        assert_eq!(nearest_root(&crate::Nodes::new(), &roots), None);
        let all = [KeyPrefix::new("")];
        for query in [
            &Key::new("/app/x") as &dyn Any,
            &KeyPrefix::raw(""),
            &KeyPrefix::raw("app"),
        ] {
            assert_eq!(nearest_root(query, &all), Some(0));
        }
    }

    #[test]
    fn the_cost_of_a_giant_name_is_bounded() {
        assert!(Key::new("a/".repeat(50_000)).wider().len() < 2000);
    }

    #[test]
    fn an_extract_contains_exactly_the_matching_pairs() {
        let pair = |key: &str, index: u64| {
            let text =
                format!(r#"{{"Key":"{key}","Value":null,"CreateIndex":1,"ModifyIndex":{index}}}"#);
            Arc::new(serde_json::from_str::<KvPair>(&text).unwrap())
        };
        let source = ConsulConfig::default().with_prefix("p");
        let keys = ["p/a", "p/a/", "p/a/b", "p/a-b", "p/ab", "p/b", "pa"];
        let mut whole: Vec<_> = keys
            .iter()
            .zip(1..)
            .map(|(key, index)| pair(key, index))
            .collect();
        whole.sort_by(|a, b| a.key.cmp(&b.key));
        for name in ["a", "a/", "b", "c", ""] {
            for query in [KeyPrefix::new(name), KeyPrefix::raw(name)] {
                let part = query.extract(&source, &whole, 99, None).unwrap();
                let Outcome::Value(found) = part.outcome else {
                    panic!("a first value")
                };
                let folder = Folder::new(format!("p/{name}"));
                let wanted: Vec<_> = whole
                    .iter()
                    .filter(|pair| {
                        if query == KeyPrefix::raw(name) {
                            pair.key.starts_with(&format!("p/{name}"))
                        } else {
                            folder.has(&pair.key)
                        }
                    })
                    .cloned()
                    .collect();
                assert_eq!(found, wanted, "{}", query.path());
                assert_eq!(
                    part.index,
                    wanted
                        .iter()
                        .map(|pair| pair.modify_index)
                        .max()
                        .unwrap_or(99)
                );
            }
        }
    }

    #[test]
    fn missing_pairs_are_retained_and_all_others_are_as_they_are() {
        let pair = |key: &str, index: u64| {
            let text =
                format!(r#"{{"Key":"{key}","Value":null,"CreateIndex":1,"ModifyIndex":{index}}}"#);
            Arc::new(serde_json::from_str::<KvPair>(&text).unwrap())
        };
        let source = ConsulConfig::default();
        let before = vec![pair("a/b", 1), pair("a/c", 2)];
        let whole = vec![pair("a/a", 9), pair("a/c", 8), pair("b", 3)];
        let query = KeyPrefix::new("a");
        let part = query.extract_retaining(&source, &whole, 9, &before);
        let Outcome::Value(found) = part.unwrap().outcome else {
            panic!("another value")
        };
        let wanted = [&whole[0], &before[0], &whole[1]].map(Arc::clone);
        assert_eq!(found, wanted);
    }

    #[test]
    fn missing_keys_are_confirmed_once() {
        let source = ConsulConfig::default();
        let none: Vec<Arc<KvPair>> = Vec::new();
        let key = Key::new("a");
        assert!(key.extract(&source, &none, 9, None).unwrap().confirm);
        assert!(!key.extract(&source, &none, 9, Some(&None)).unwrap().confirm);
        assert!(
            !KeyPrefix::new("a")
                .extract(&source, &none, 9, None)
                .unwrap()
                .confirm,
            "an empty folder is one"
        );
    }
}
