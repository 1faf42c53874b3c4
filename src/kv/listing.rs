//! [`Listing`]: the pairs or keys of a folder.

use std::{ops::Deref, vec};

/// The pairs or keys of a folder, in Consul's order, which is that of their bytes.
///
/// It reads as a slice and iterates as a `Vec`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing<T> {
    pub(super) items: Vec<T>,
    pub(super) index: Option<u64>,
    pub(super) filtered_by_acls: bool,
}

impl<T> Listing<T> {
    /// Consul's index of the answer, from which a blocking query can wait.
    pub fn index(&self) -> Option<u64> {
        self.index
    }

    /// Returns whether the token hides some of it (`X-Consul-Results-Filtered-By-ACLs`). Consul before 1.11
    /// hides without this header.
    pub fn filtered_by_acls(&self) -> bool {
        self.filtered_by_acls
    }

    /// Returns the pairs or keys.
    pub fn into_vec(self) -> Vec<T> {
        self.items
    }
}

impl<T> Deref for Listing<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> IntoIterator for Listing<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Listing<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}
