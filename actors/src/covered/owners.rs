//! Whose the subscriptions are, and when they want to be looked at again.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use crate::SubscriptionId;

/// The subscriptions of all branches; each is to be looked at again at one time at most.
#[derive(Debug, Default)]
pub(super) struct Owners {
    by_subscription: HashMap<SubscriptionId, Owner>,
    due: BTreeSet<(Instant, SubscriptionId)>,
}

#[derive(Debug)]
struct Owner {
    branch: u64,
    due: Option<Instant>,
}

impl Owners {
    pub(super) fn insert(&mut self, id: SubscriptionId, branch: u64) {
        self.remove(id);
        self.by_subscription.insert(id, Owner { branch, due: None });
    }

    pub(super) fn branch_of(&self, id: SubscriptionId) -> Option<u64> {
        self.by_subscription.get(&id).map(|owner| owner.branch)
    }

    pub(super) fn remove(&mut self, id: SubscriptionId) {
        if let Some(due) = self.by_subscription.remove(&id).and_then(|owner| owner.due) {
            self.due.remove(&(due, id));
        }
    }

    /// It wants to be looked at then; one that will be looked at before tells the rest by itself.
    pub(super) fn wait(&mut self, id: SubscriptionId, due: Instant) {
        let Some(owner) = self.by_subscription.get_mut(&id) else {
            return;
        };
        if owner.due.is_some_and(|at| at <= due) {
            return;
        }
        if let Some(later) = owner.due.replace(due) {
            self.due.remove(&(later, id));
        }
        self.due.insert((due, id));
    }

    /// When the next one is to be looked at.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next one whose time has come, and its branch.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(u64, SubscriptionId)> {
        let (_, id) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        self.due.pop_first();
        let owner = self.by_subscription.get_mut(&id)?;
        owner.due = None;
        Some((owner.branch, id))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_is_looked_at_once_however_often_it_asks_and_not_when_it_is_gone() {
        let (mut owners, start) = (Owners::default(), Instant::now());
        let (one, other) = (SubscriptionId(1), SubscriptionId(2));
        owners.insert(one, 7);
        owners.insert(other, 7);
        for seconds in [5, 9, 3, 4] {
            owners.wait(one, start + Duration::from_secs(seconds));
            owners.wait(other, start + Duration::from_secs(seconds));
        }
        assert_eq!(
            (owners.due.len(), owners.next_due()),
            (2, Some(start + Duration::from_secs(3)))
        );
        owners.remove(other);
        assert_eq!(owners.pop_due(start), None);
        assert_eq!(
            owners.pop_due(start + Duration::from_secs(3)),
            Some((7, one))
        );
        assert_eq!(owners.pop_due(start + Duration::from_secs(99)), None);
        owners.wait(one, start);
        owners.remove(one);
        assert!(owners.due.is_empty() && owners.by_subscription.is_empty());
    }
}
