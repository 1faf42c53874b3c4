//! Keys as a tree. Its depth is bounded.

use std::{collections::BTreeMap, sync::Arc};

use super::DecodeError;
use crate::kv::KvPair;

/// The deepest nesting, as in `serde_json`: the writer of a key must not be able to exhaust the stack.
const MAX_DEPTH: usize = 128;

/// The text of a key, or the keys in a folder.
#[derive(Debug, PartialEq)]
pub(super) enum Tree<'a> {
    Leaf { key: &'a str, text: &'a str },
    Folder(BTreeMap<&'a str, Tree<'a>>),
}

impl<'a> Tree<'a> {
    /// Builds the tree of the keys in `folder`, nested by `/`.
    pub(super) fn build(folder: &str, pairs: &'a [Arc<KvPair>]) -> Result<Self, DecodeError> {
        let mut root = BTreeMap::new();
        for pair in pairs {
            let Some(rest) = pair
                .key
                .strip_prefix(folder)
                .filter(|rest| !rest.is_empty())
            else {
                continue;
            };
            let value = pair.value.as_deref().unwrap_or_default();
            if rest.ends_with('/') && value.is_empty() {
                continue;
            }
            if rest.matches('/').count() > MAX_DEPTH {
                return Err(DecodeError::Field {
                    key: pair.key.clone(),
                    field: String::new(),
                    reason: format!("it is nested more than {MAX_DEPTH} folders deep"),
                });
            }
            let text = std::str::from_utf8(value).map_err(|_| DecodeError::NotText {
                key: pair.key.clone(),
            })?;
            insert(
                &mut root,
                rest,
                Self::Leaf {
                    key: &pair.key,
                    text,
                },
            )?;
        }
        Ok(Self::Folder(root))
    }

    /// Returns any key of the tree, for errors.
    fn some_key(&self) -> Option<&'a str> {
        match self {
            Self::Leaf { key, .. } => Some(key),
            Self::Folder(entries) => entries.values().find_map(Self::some_key),
        }
    }
}

fn insert<'a>(
    entries: &mut BTreeMap<&'a str, Tree<'a>>,
    path: &'a str,
    leaf: Tree<'a>,
) -> Result<(), DecodeError> {
    let (name, rest) = path
        .split_once('/')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    let deeper = leaf.some_key().unwrap_or_default().to_owned();
    match (entries.get_mut(name), rest) {
        (None, None) => {
            entries.insert(name, leaf);
            Ok(())
        }
        (None, Some(rest)) => {
            let mut folder = BTreeMap::new();
            insert(&mut folder, rest, leaf)?;
            entries.insert(name, Tree::Folder(folder));
            Ok(())
        }
        (Some(Tree::Folder(folder)), Some(rest)) => insert(folder, rest, leaf),
        (Some(Tree::Leaf { key, .. }), _) => Err(DecodeError::LeafAndFolder {
            leaf: (*key).to_owned(),
            deeper,
        }),
        (Some(folder), None) => Err(DecodeError::LeafAndFolder {
            leaf: deeper,
            deeper: folder.some_key().unwrap_or_default().to_owned(),
        }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::decode) fn pairs(entries: &[(&str, &str)]) -> Vec<Arc<KvPair>> {
        entries
            .iter()
            .map(|(key, value)| {
                Arc::new(KvPair {
                    key: (*key).to_owned(),
                    value: Some(value.as_bytes().to_vec().into()),
                    lock_index: 0,
                    flags: 0,
                    session: None,
                    create_index: 1,
                    modify_index: 1,
                    ..KvPair::default()
                })
            })
            .collect()
    }

    #[test]
    fn slashes_nest_and_folder_entries_are_ignored() {
        let pairs = pairs(&[
            ("app/", ""),
            ("app/a", "1"),
            ("app/b/", ""),
            ("app/b/c", "2"),
            ("other", "3"),
        ]);
        let Tree::Folder(root) = Tree::build("app/", &pairs).unwrap() else {
            panic!("a folder")
        };
        assert_eq!(
            root["a"],
            Tree::Leaf {
                key: "app/a",
                text: "1"
            }
        );
        assert!(matches!(&root["b"], Tree::Folder(b) if b.len() == 1));
        assert_eq!(root.len(), 2);
    }

    #[test]
    fn a_key_of_slashes_does_not_exhaust_the_stack() {
        let key = |depth: usize| format!("app/{}x", "a/".repeat(depth));
        assert!(Tree::build("app/", &pairs(&[(&key(MAX_DEPTH), "1")])).is_ok());
        let error = Tree::build("app/", &pairs(&[(&key(100_000), "1")])).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("it is nested more than 128 folders deep")
        );
    }

    #[test]
    fn a_text_and_a_folder_at_once_is_an_error_in_any_order() {
        let conflict = DecodeError::LeafAndFolder {
            leaf: "app/a".to_owned(),
            deeper: "app/a/b".to_owned(),
        };
        for order in [
            [("app/a", "1"), ("app/a/b", "2")],
            [("app/a/b", "2"), ("app/a", "1")],
        ] {
            assert_eq!(Tree::build("app/", &pairs(&order)).unwrap_err(), conflict);
        }
        assert!(
            conflict.to_string().contains("`app/a`") && conflict.to_string().contains("`app/a/b`")
        );
    }
}
