//! The last two values that were compared.

use std::sync::{Arc, Weak};

use crate::value::{diff::differ, snapshot::Snapshot, view::View};

/// The last two values that were compared for a subscriber without a view of its own, and the result.
///
/// After a change nearly all subscribers of a watch go from the same value to the same value. Weak references keep the
/// addresses of the two from being used again, but not the values.
#[derive(Debug)]
pub(crate) struct DiffCache<S>(Option<Box<Compared<S>>>);

/// The previous value, the current one, and whether they differ.
type Compared<S> = (Weak<S>, Weak<S>, bool);

impl<S> Default for DiffCache<S> {
    fn default() -> Self {
        Self(None)
    }
}

impl<S: Snapshot> DiffCache<S> {
    /// Returns whether there is any change that counts for `view`. Without one, the result is kept in `cache`.
    pub(crate) fn differ_by(
        cache: Option<&mut Self>,
        previous: &Arc<S>,
        current: &Arc<S>,
        view: Option<&View<S::Item>>,
    ) -> bool {
        match (view, cache) {
            (Some(view), _) => differ(&**previous, &**current, view),
            (None, Some(cache)) => cache.differ(previous, current),
            (None, None) => differ(&**previous, &**current, &View::default()),
        }
    }

    fn differ(&mut self, previous: &Arc<S>, current: &Arc<S>) -> bool {
        if let Some((old, new, differ)) = self.0.as_deref()
            && old.as_ptr() == Arc::as_ptr(previous)
            && new.as_ptr() == Arc::as_ptr(current)
        {
            return *differ;
        }
        let differ = differ(&**previous, &**current, &View::default());
        self.0 = Some(Box::new((
            Arc::downgrade(previous),
            Arc::downgrade(current),
            differ,
        )));
        differ
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Entry, Table};

    #[test]
    fn what_was_compared_is_not_compared_again_and_nothing_is_taken_for_it() {
        let at = |value| Arc::new(Table::of(&[("a", value, value)]));
        let (one, two) = (at(1), at(2));
        let mut cache = DiffCache::default();
        let mut differ =
            |previous: &Arc<Table>, current: &Arc<Table>, view: Option<View<Entry>>| {
                DiffCache::differ_by(Some(&mut cache), previous, current, view.as_ref())
            };
        for _ in 0..2 {
            assert!(differ(&one, &two, None));
            assert!(!differ(&one, &at(1), None));
            assert!(!differ(&one, &two, Some(View::default().only(|_| false))));
            assert!(differ(
                &one,
                &two,
                Some(View::default().with_equality(|a: &Entry, b| a.stamp == b.stamp))
            ));
        }
        assert_eq!(
            (Arc::strong_count(&one), Arc::strong_count(&two)),
            (1, 1),
            "it keeps none of them"
        );
    }
}
