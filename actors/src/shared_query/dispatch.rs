//! The calls of the hosting watcher, passed on to the members of one type.

use std::{any::Any, collections::HashSet};

use tokio::{sync::oneshot, time::Instant};

use super::{
    Confirmed, Group, GroupHost, MemberGroup, member::Member,
    subscription_timers::SubscriptionTimers,
};
use crate::{
    messages::subscription_id::SubscriptionId,
    query::{Query, Source},
    subscription::in_flight::{Acknowledgement, InFlight},
    topic::report::DetachReason,
};

impl<S: Source, N: Query<Source = S>> Group<S> for MemberGroup<N> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn touch(&mut self, key: &str) {
        let Self {
            index,
            members,
            queue,
            ..
        } = self;
        index.find(key, |number| {
            if let Some(member) = members.get_mut(&number) {
                member.handed_over = false;
                if !std::mem::replace(&mut member.queued, true) {
                    queue.push_back(number);
                }
            }
        });
    }

    fn touch_all(&mut self, resync: bool) {
        for (number, member) in &mut self.members {
            if resync {
                member.topic.query_state.interrupted();
            }
            member.handed_over = false;
            if !std::mem::replace(&mut member.queued, true) {
                self.queue.push_back(*number);
            }
        }
    }

    fn detach_all(&mut self, reason: DetachReason) {
        for member in self.members.values_mut() {
            member.detaching.get_or_insert(reason);
        }
        self.touch_all(false);
    }

    fn keep_all(&mut self) {
        for member in self.members.values_mut() {
            if member.detaching == Some(DetachReason::Refused) && member.query.is_none() {
                member.detaching = None;
            }
        }
    }

    fn step(&mut self, host: &mut GroupHost<'_, S>) {
        if let Some(number) = self.queue.pop_front()
            && let Some(member) = self.members.get_mut(&number)
        {
            member.queued = false;
            self.update(number, host);
        }
    }

    fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }

    fn confirmed(&mut self, confirmed: Confirmed, host: &mut GroupHost<'_, S>) {
        self.query_ended(confirmed, host);
    }

    fn confirm_due(&mut self, member: u64, due: Instant, host: &mut GroupHost<'_, S>) {
        self.pause_ended(member, due, host);
    }

    fn deliver_due(&mut self, member: u64, id: SubscriptionId, host: &mut GroupHost<'_, S>) {
        self.deliver(member, id, host);
    }

    fn acknowledged(
        &mut self,
        number: u64,
        acknowledgement: Acknowledgement,
        host: &mut GroupHost<'_, S>,
    ) {
        let id = acknowledgement.id;
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        let Member {
            reporter, topic, ..
        } = &mut **member;
        let outcome = topic.acknowledged(acknowledgement, reporter, host.in_flight);
        Self::delivered(id, outcome, host);
    }

    fn replace_source(&mut self) {
        self.index.clear();
        for member in self.members.values_mut() {
            member.selector = None;
            member.is_extracted = false;
            member.topic.query_state.interrupted();
        }
        self.touch_all(false);
    }

    fn close_queries(&mut self, closed: &mut Vec<oneshot::Receiver<()>>) {
        closed.extend(
            self.members
                .values_mut()
                .filter_map(|member| member.close()),
        );
    }

    fn resume(&mut self, host: &mut GroupHost<'_, S>) {
        self.resume_confirmations(host);
    }

    fn retain(
        &mut self,
        wanted: &HashSet<u64>,
        timers: &mut SubscriptionTimers,
        in_flight: &mut InFlight,
    ) {
        let unwanted = self
            .members
            .keys()
            .filter(|number| !wanted.contains(number));
        for number in unwanted.copied().collect::<Vec<_>>() {
            self.remove(number, timers, in_flight);
        }
    }
}
