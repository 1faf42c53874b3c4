//! Lists that share unchanged entries with the previous one.

use std::sync::Arc;

use consul_watch_actors::Item;

/// Replaces entries of `list` by equal ones of `previous`, and returns whether the two lists are equal.
pub(super) fn reuse_unchanged<T: Item + PartialEq>(
    mut list: Vec<Arc<T>>,
    previous: Option<&[Arc<T>]>,
) -> (Vec<Arc<T>>, bool) {
    let old = previous.unwrap_or_default();
    let mut same = previous.is_some() && old.len() == list.len();
    // Built only if the two lists differ in their order.
    let mut by_id: Option<Vec<&Arc<T>>> = None;
    for (at, entry) in list.iter_mut().enumerate() {
        let in_step = old.get(at).filter(|partner| partner.id() == entry.id());
        let partner = in_step.or_else(|| {
            let by_id = by_id.get_or_insert_with(|| {
                let mut sorted: Vec<_> = old.iter().collect();
                sorted.sort_by(|a, b| a.id().cmp(&b.id()));
                sorted
            });
            let found = by_id.binary_search_by(|partner| partner.id().cmp(&entry.id()));
            found.ok().map(|at| by_id[at])
        });
        let equal = partner.filter(|partner| *partner == entry);
        same = same && in_step.is_some() && equal.is_some();
        if let Some(partner) = equal {
            *entry = Arc::clone(partner);
        }
    }
    (list, same)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Node;

    fn node(name: &str, address: &str) -> Arc<Node> {
        let mut node = Node::default();
        (node.node, node.address) = (name.to_owned(), address.to_owned());
        Arc::new(node)
    }

    #[test]
    fn equal_entries_are_shared_in_any_order() {
        let old = [node("a", "1"), node("b", "2"), node("c", "3")];
        let (new, same) = reuse_unchanged(
            vec![node("c", "3"), node("b", "9"), node("a", "1")],
            Some(&old),
        );
        assert!(!same);
        assert!(
            Arc::ptr_eq(&new[0], &old[2])
                && Arc::ptr_eq(&new[2], &old[0])
                && !Arc::ptr_eq(&new[1], &old[1])
        );
        assert!(
            reuse_unchanged(
                vec![node("a", "1"), node("b", "2"), node("c", "3")],
                Some(&old)
            )
            .1
        );
        assert!(!reuse_unchanged(vec![node("a", "1"), node("b", "2")], Some(&old)).1);
        assert!(reuse_unchanged::<Node>(Vec::new(), Some(&[])).1);
        assert!(
            !reuse_unchanged::<Node>(Vec::new(), None).1,
            "the first value counts even if it is empty"
        );
    }

    proptest! {
        #[test]
        fn sharing_changes_no_value(
            old in prop::collection::btree_map("[a-e]", "[12]", 0..5),
            new in prop::collection::vec(("[a-e]", "[12]"), 0..5),
        ) {
            let old: Vec<_> = old.iter().map(|(name, address)| node(name, address)).collect();
            let new: Vec<_> = new.iter().map(|(name, address)| node(name, address)).collect();
            let (list, same) = reuse_unchanged(new.clone(), Some(&old));
            prop_assert_eq!(&list, &new);
            prop_assert_eq!(same, old == new);
        }
    }
}
