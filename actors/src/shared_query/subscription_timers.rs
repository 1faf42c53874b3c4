//! The member that each subscription belongs to, and when members want to run again.

use std::{
    any::TypeId,
    collections::{BTreeSet, HashMap},
};

use tokio::time::Instant;

use crate::messages::subscription_id::SubscriptionId;

/// A member of a shared query: its group, and its number, which no other member has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemberId {
    pub(crate) group: TypeId,
    pub(crate) number: u64,
}

/// The purpose of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The next delivery check of a subscription.
    Delivery(SubscriptionId),
    /// The next confirming query of the member.
    Confirmation,
}

/// The timers of all members. Each subscription has one at most.
#[derive(Debug, Default)]
pub(crate) struct SubscriptionTimers {
    by_subscription: HashMap<SubscriptionId, SubscriptionTimer>,
    due: BTreeSet<(Instant, MemberId, Timer)>,
}

#[derive(Debug)]
struct SubscriptionTimer {
    member: MemberId,
    due: Option<Instant>,
}

impl SubscriptionTimers {
    pub(crate) fn insert(&mut self, id: SubscriptionId, member: MemberId) {
        self.remove(id);
        self.by_subscription
            .insert(id, SubscriptionTimer { member, due: None });
    }

    pub(crate) fn member_of(&self, id: SubscriptionId) -> Option<MemberId> {
        self.by_subscription.get(&id).map(|timer| timer.member)
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) {
        if let Some(SubscriptionTimer { member, due }) = self.by_subscription.remove(&id)
            && let Some(due) = due
        {
            self.due.remove(&(due, member, Timer::Delivery(id)));
        }
    }

    /// Schedules a delivery check. An earlier one stays, since it schedules the next one itself.
    pub(crate) fn deliver_at(&mut self, id: SubscriptionId, due: Instant) {
        let Some(timer) = self.by_subscription.get_mut(&id) else {
            return;
        };
        if timer.due.is_some_and(|at| at <= due) {
            return;
        }
        if let Some(later) = timer.due.replace(due) {
            self.due.remove(&(later, timer.member, Timer::Delivery(id)));
        }
        self.due.insert((due, timer.member, Timer::Delivery(id)));
    }

    /// Schedules a member's next confirming query.
    pub(crate) fn confirm_at(&mut self, member: MemberId, due: Instant) {
        self.due.insert((due, member, Timer::Confirmation));
    }

    /// When the next timer is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, ..)| *due)
    }

    /// The next timer that is due by `now`, with its time.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, MemberId, Timer)> {
        let timer = self.due.first().copied().filter(|(due, ..)| *due <= now)?;
        self.due.pop_first();
        if let Timer::Delivery(id) = timer.2
            && let Some(subscription) = self.by_subscription.get_mut(&id)
        {
            subscription.due = None;
        }
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_subscription_has_one_timer_and_none_when_it_is_removed() {
        let (mut timers, start) = (SubscriptionTimers::default(), Instant::now());
        let (one, other) = (SubscriptionId(1), SubscriptionId(2));
        let member = MemberId {
            group: TypeId::of::<()>(),
            number: 7,
        };
        timers.insert(one, member);
        timers.insert(other, member);
        for seconds in [5, 9, 3, 4] {
            timers.deliver_at(one, start + Duration::from_secs(seconds));
            timers.deliver_at(other, start + Duration::from_secs(seconds));
        }
        let due = start + Duration::from_secs(3);
        assert_eq!((timers.due.len(), timers.next_due()), (2, Some(due)));
        timers.remove(other);
        assert_eq!(timers.pop_due(start), None);
        let timer = Some((due, member, Timer::Delivery(one)));
        assert_eq!(timers.pop_due(due), timer);
        assert_eq!(timers.pop_due(start + Duration::from_secs(99)), None);
        timers.deliver_at(one, start);
        timers.remove(one);
        assert!(timers.due.is_empty() && timers.by_subscription.is_empty());
    }
}
