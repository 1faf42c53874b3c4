//! The entries that a client's watches could not read, so that each is logged once.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// The number of watches and of names of each that are kept. Beyond it nothing more is logged.
const MAX_WATCHES: usize = 1024;
const MAX_NAMES: usize = 64;

/// The names of the entries that could not be read, by the paths of their watches.
#[derive(Default)]
pub(crate) struct UnreadableEntries(RefCell<BTreeMap<String, BTreeSet<String>>>);

impl UnreadableEntries {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Returns those of these names that are new.
    pub(crate) fn remember<'a>(&self, path: &str, names: &'a [String]) -> Vec<&'a str> {
        let mut watches = self.0.borrow_mut();
        if watches.len() == MAX_WATCHES && !watches.contains_key(path) {
            return Vec::new();
        }
        let known = watches.entry(path.to_owned()).or_default();
        let is_new = |name: &&String| known.len() < MAX_NAMES && known.insert((*name).clone());
        names.iter().filter(is_new).map(String::as_str).collect()
    }

    /// Forgets the entries of a watch, and returns whether there were any.
    pub(crate) fn forget(&self, path: &str) -> bool {
        self.0.borrow_mut().remove(path).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_new_once_and_their_number_is_limited() {
        let entries = UnreadableEntries::default();
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(entries.remember("x", &names[..1]), ["a"]);
        assert_eq!(entries.remember("x", &names), ["b"]);
        assert_eq!(entries.remember("y", &names), ["a", "b"]);
        let many: Vec<_> = (0..100).map(|number| number.to_string()).collect();
        assert_eq!(entries.remember("z", &many).len(), MAX_NAMES);
        assert!(entries.forget("x") && !entries.forget("x"));
        assert_eq!(entries.remember("x", &names).len(), 2);
        for number in 0..2 * MAX_WATCHES {
            entries.remember(&number.to_string(), &names);
        }
        assert!(entries.remember("one more", &names).is_empty());
    }
}
