//! The changes between two snapshots.

use std::{cmp::Ordering, sync::Arc};

use crate::value::{
    change::Change,
    snapshot::{Item, Snapshot},
    view::View,
};

/// Returns the changes that lead from `previous` to `current`, in the order of the entries' identities.
///
/// Without a `previous` every entry is added. `view` selects the changes and compares the entries.
pub fn changes<S: Snapshot>(
    previous: Option<&S>,
    current: &S,
    view: &View<S::Item>,
) -> Vec<Change<S::Item>> {
    let mut found = Vec::new();
    visit(previous, current, view, |change| {
        found.push(change);
        true
    });
    found
}

/// Returns whether there is any change; stops at the first.
pub(crate) fn differ<S: Snapshot>(previous: &S, current: &S, view: &View<S::Item>) -> bool {
    let mut any = false;
    visit(Some(previous), current, view, |_| {
        any = true;
        false
    });
    any
}

/// Merges the two snapshots by identity and calls `found` with each change that counts, until it returns false.
fn visit<S: Snapshot>(
    previous: Option<&S>,
    current: &S,
    view: &View<S::Item>,
    mut found: impl FnMut(Change<S::Item>) -> bool,
) {
    let (old, new) = middle(previous.map_or(&[][..], Snapshot::items), current.items());
    let (old, new) = (Sorted::of(old), Sorted::of(new));
    let (mut at_old, mut at_new) = (0, 0);
    let mut tell = |change: Change<S::Item>| {
        if view.wants(&change) {
            found(change)
        } else {
            true
        }
    };
    loop {
        let go_on = match (old.get(at_old), new.get(at_new)) {
            (None, None) => return,
            (Some(was), None) => {
                at_old += 1;
                S::APPEND_ONLY || tell(Change::Removed(Arc::clone(was)))
            }
            (None, Some(is)) => {
                at_new += 1;
                tell(Change::Added(Arc::clone(is)))
            }
            // An entry that both share is equal.
            (Some(was), Some(is)) if Arc::ptr_eq(was, is) => {
                at_old += 1;
                at_new += 1;
                true
            }
            (Some(was), Some(is)) => match was.id().cmp(&is.id()) {
                Ordering::Less => {
                    at_old += 1;
                    S::APPEND_ONLY || tell(Change::Removed(Arc::clone(was)))
                }
                Ordering::Greater => {
                    at_new += 1;
                    tell(Change::Added(Arc::clone(is)))
                }
                Ordering::Equal => {
                    at_old += 1;
                    at_new += 1;
                    view.same(was, is)
                        || tell(Change::Updated {
                            old: Arc::clone(was),
                            new: Arc::clone(is),
                        })
                }
            },
        };
        if !go_on {
            return;
        }
    }
}

/// Returns the two lists without the entries that they share at the beginning and at the end.
///
/// No identity occurs twice in a list, so none in the middle of one is among those left out of the other. Pointers are
/// compared here, where sorting and merging compare every identity.
fn middle<'a, 'b, I>(old: &'a [Arc<I>], new: &'b [Arc<I>]) -> (&'a [Arc<I>], &'b [Arc<I>]) {
    let shared = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| Arc::ptr_eq(old, new))
        .count();
    let (old, new) = (&old[shared..], &new[shared..]);
    let shared = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(old, new)| Arc::ptr_eq(old, new))
        .count();
    (&old[..old.len() - shared], &new[..new.len() - shared])
}

/// A snapshot's entries in the order of their identities, without a copy where they are sorted already.
enum Sorted<'a, I> {
    AsIs(&'a [Arc<I>]),
    Ordered(Vec<&'a Arc<I>>),
}

impl<'a, I: Item> Sorted<'a, I> {
    fn of(items: &'a [Arc<I>]) -> Self {
        if items.is_sorted_by(|a, b| a.id() <= b.id()) {
            return Self::AsIs(items);
        }
        let mut ordered: Vec<_> = items.iter().collect();
        ordered.sort_by(|a, b| a.id().cmp(&b.id()));
        Self::Ordered(ordered)
    }

    fn get(&self, at: usize) -> Option<&'a Arc<I>> {
        match self {
            Self::AsIs(items) => items.get(at),
            Self::Ordered(items) => items.get(at).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Entry, Table};
    use crate::value::change::ChangeKind;

    /// Applies the changes to `previous`, which gives `current`: the law of `changes`.
    fn apply(previous: Option<&Table>, changes: &[Change<Entry>]) -> BTreeMap<String, (u64, u64)> {
        let mut map = previous.map(Table::to_map).unwrap_or_default();
        for change in changes {
            match change {
                Change::Added(item) => {
                    assert!(
                        map.insert(item.key.clone(), (item.value, item.stamp))
                            .is_none()
                    );
                }
                Change::Updated { old, new } => {
                    assert_eq!(old.key, new.key);
                    assert!(
                        map.insert(new.key.clone(), (new.value, new.stamp))
                            .is_some()
                    );
                }
                Change::Removed(item) => assert!(map.remove(&item.key).is_some()),
            }
        }
        map
    }

    proptest! {
        #[test]
        fn applied_to_previous_they_give_current(old in Table::any(), new in Table::any(), had in any::<bool>()) {
            let old = had.then_some(old);
            let found = changes(old.as_ref(), &new, &View::default());
            let applied: BTreeMap<_, _> = apply(old.as_ref(), &found).into_iter().map(|(k, v)| (k, v.0)).collect();
            let expected: BTreeMap<_, _> = new.to_map().into_iter().map(|(k, v)| (k, v.0)).collect();
            prop_assert_eq!(applied, expected);
        }

        #[test]
        fn none_between_equals_and_differ_agrees(old in Table::any(), new in Table::any()) {
            prop_assert!(changes(Some(&old), &old.reversed(), &View::default()).is_empty());
            let found = changes(Some(&old), &new, &View::default());
            prop_assert_eq!(differ(&old, &new, &View::default()), !found.is_empty());
        }

        /// The entries that the two share make no difference, nor does the order of the entries.
        #[test]
        fn what_is_shared_is_left_out_and_nothing_else(
            old in Table::any(),
            shared in prop::collection::vec(any::<bool>(), 8),
            new in Table::any(),
            sorted in any::<bool>(),
        ) {
            let mut all = new.0.clone();
            for (entry, shared) in old.0.iter().zip(shared) {
                if shared {
                    match all.iter_mut().find(|new| new.key == entry.key) {
                        Some(new) => *new = Arc::clone(entry),
                        None => all.insert(all.len().min(2), Arc::clone(entry)),
                    }
                }
            }
            let (mut old, mut new) = (old, Table(all));
            if sorted {
                old.0.sort_by(|a, b| a.key.cmp(&b.key));
                new.0.sort_by(|a, b| a.key.cmp(&b.key));
            }
            let apart = |table: &Table| Table(table.0.iter().map(|entry| Arc::new(Entry::clone(entry))).collect());
            let told = |old: &Table, new: &Table| changes(Some(old), new, &View::default())
                .iter()
                .map(|change| (change.kind(), change.item().key.clone()))
                .collect::<Vec<_>>();
            prop_assert_eq!(told(&old, &new), told(&apart(&old), &apart(&new)));
        }
    }

    #[test]
    fn a_write_of_the_same_value_is_no_change_unless_asked_for() {
        let old = Table::of(&[("a", 1, 1)]);
        let new = Table::of(&[("a", 1, 2)]);
        assert!(changes(Some(&old), &new, &View::default()).is_empty());
        let every_write = View::default().with_equality(|a: &Entry, b| a.stamp == b.stamp);
        assert_eq!(changes(Some(&old), &new, &every_write).len(), 1);
    }

    #[test]
    fn changes_the_view_does_not_want_are_left_out() {
        let old = Table::of(&[("a", 1, 1)]);
        let new = Table::of(&[("a", 2, 2), ("b", 1, 2)]);
        let view = View::default().only(|change: &Change<Entry>| change.item().key == "b");
        let found = changes(Some(&old), &new, &view);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind(), ChangeKind::Added);
    }
}
