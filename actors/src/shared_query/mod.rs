//! One query with many members: watches whose values are extracted from a wider watch's value.
//!
//! The members live inside the wide watch's [`WatcherActor`](crate::WatcherActor), in a [`MemberGroup`] for
//! each type of their queries. Invariants:
//!
//! - A panic of a member's code detaches that member, a panic of the group its members; the wide watch continues.
//! - A member leaves with its subscribers and their updates in flight, and only after its own request is closed.
//! - Members are updated one by one through a queue, so that the host can yield between any two of them.

mod confirm;
mod dispatch;
mod group;
mod key_index;
mod member;
pub(crate) mod subscription_timers;

use std::{
    any::{Any, TypeId},
    collections::HashSet,
    fmt,
    sync::Arc,
};

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use tokio::{sync::oneshot, time::Instant};

pub(crate) use self::group::{Joining, MemberGroup};
use self::subscription_timers::{MemberId, SubscriptionTimers};
use crate::{
    caught::caught,
    limits::{backoff::Backoff, connection_budget::ConnectionBudget},
    messages::subscription_id::SubscriptionId,
    query::{Query, Source, failure::Failure},
    subscription::in_flight::{Acknowledgement, InFlight},
    topic::report::DetachReason,
    value::{
        diff::changes,
        snapshot::{Item, Snapshot},
        view::View,
    },
};

/// Attempts of the wide query that have to be refused, or to panic, in a row before its members detach.
pub(crate) const DETACH_AFTER_ATTEMPTS: u32 = 3;

/// The members of a wide watch. Its watcher hands them over with its state.
pub(crate) struct SharedQuery<S: Source> {
    pub(crate) groups: Groups<S>,
    pub(crate) timers: SubscriptionTimers,
    /// The wide query is refused: members detach, and those that join do so at once.
    pub(crate) refused: bool,
    /// The panics of the watcher since the last answer of the wide query.
    panics: u32,
    /// The wide value is of the source before, whose entries were others: nothing is extracted from it.
    pub(crate) stale: bool,
}

/// The wide watch's value.
#[derive(Clone)]
pub(crate) struct UpstreamValue {
    pub(crate) value: Arc<dyn Any + Send + Sync>,
    pub(crate) index: u64,
}

/// The parts of the hosting actor that a group uses.
pub(crate) struct GroupHost<'a, S: Source> {
    pub(crate) source: &'a Arc<S>,
    pub(crate) budget: Option<&'a ConnectionBudget>,
    pub(crate) client: &'a mut Option<S::Client>,
    /// None while there is no value that may be extracted from.
    pub(crate) upstream: Option<UpstreamValue>,
    pub(crate) refused: bool,
    /// An entry leaves the wide value only if it is proven gone ([`Ask::proves_removals`](crate::Ask::proves_removals)).
    pub(crate) proves_removals: bool,
    pub(crate) in_flight: &'a mut InFlight,
    pub(crate) timers: &'a mut SubscriptionTimers,
    /// The wide watch's settings, for confirming queries.
    pub(crate) backoff: &'a Backoff,
    /// Confirming queries that this call has begun. The host runs them.
    pub(crate) queries: Vec<LocalBoxFuture<'static, Confirmed>>,
}

/// The end of a confirming query.
pub(crate) struct Confirmed {
    pub(crate) member: MemberId,
    query: u64,
    /// The result, by the type that its group knows.
    result: Box<dyn Any>,
}

impl<S: Source> GroupHost<'_, S> {
    /// A client of the source.
    fn connect(&mut self) -> Result<S::Client, Failure> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.source.connect()?,
        };
        Ok(self.client.insert(client).clone())
    }
}

/// The members of one type.
pub(crate) trait Group<S: Source>: Any + Send {
    fn as_any_mut(&mut self) -> &mut dyn Any;

    /// Queues the members that select this routing key.
    fn touch(&mut self, key: &str);

    /// Queues all members. After a break, what changes is a resync.
    fn touch_all(&mut self, resync: bool);

    /// Detaches all members, each in its turn of the queue.
    fn detach_all(&mut self, reason: DetachReason);

    /// Keeps the members that were about to detach because the wide query was refused.
    fn keep_all(&mut self);

    /// Updates the next member of the queue.
    fn step(&mut self, host: &mut GroupHost<'_, S>);

    fn has_queue(&self) -> bool;

    /// A confirming query has ended.
    fn confirmed(&mut self, confirmed: Confirmed, host: &mut GroupHost<'_, S>);

    /// A member's next confirming query is due.
    fn confirm_due(&mut self, member: u64, due: Instant, host: &mut GroupHost<'_, S>);

    /// A subscription's next delivery check is due.
    fn deliver_due(&mut self, member: u64, id: SubscriptionId, host: &mut GroupHost<'_, S>);

    fn acknowledged(
        &mut self,
        member: u64,
        acknowledgement: Acknowledgement,
        host: &mut GroupHost<'_, S>,
    );

    /// Forgets which entries the members select, since the source is another one now.
    fn replace_source(&mut self);

    /// Drops all confirmations and aborts their queries; each receiver resolves when a request is closed.
    fn close_queries(&mut self, closed: &mut Vec<oneshot::Receiver<()>>);

    /// Sends the confirming queries again that were dropped with the host's last life.
    fn resume(&mut self, host: &mut GroupHost<'_, S>);

    /// Removes the members whose numbers are not wanted.
    fn retain(
        &mut self,
        wanted: &HashSet<u64>,
        timers: &mut SubscriptionTimers,
        in_flight: &mut InFlight,
    );
}

/// The groups of a shared query, by the types of their queries.
pub(crate) struct Groups<S: Source>(Vec<(TypeId, Box<dyn Group<S>>)>);

impl<S: Source> Default for Groups<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S: Source> Default for SharedQuery<S> {
    fn default() -> Self {
        Self {
            groups: Groups::default(),
            timers: SubscriptionTimers::default(),
            refused: false,
            panics: 0,
            stale: false,
        }
    }
}

impl<S: Source> Groups<S> {
    /// The group of the type `N`, which begins with its first member.
    pub(crate) fn of<N: Query<Source = S>>(&mut self) -> &mut MemberGroup<N> {
        let kind = TypeId::of::<N>();
        let at = self.0.iter().position(|(group, _)| *group == kind);
        let at = at.unwrap_or_else(|| {
            self.0.push((kind, Box::<MemberGroup<N>>::default()));
            self.0.len() - 1
        });
        let group = self.0[at].1.as_any_mut().downcast_mut();
        group.unwrap_or_else(|| unreachable!("groups are kept by their types"))
    }

    pub(crate) fn get(&mut self, kind: TypeId) -> Option<&mut dyn Group<S>> {
        let found = self.0.iter_mut().find(|(group, _)| *group == kind);
        found.map(|(_, group)| &mut **group)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut dyn Group<S>> {
        self.0
            .iter_mut()
            .map(|(_, group)| &mut **group as &mut dyn Group<S>)
    }

    /// The first group with members to update.
    pub(crate) fn queued(&mut self) -> Option<&mut dyn Group<S>> {
        self.iter_mut().find(|group| group.has_queue())
    }

    /// Runs code of a group. Its panic detaches the members of the group and nobody else.
    pub(crate) fn run_caught(
        group: &mut dyn Group<S>,
        host: &mut GroupHost<'_, S>,
        code: impl FnOnce(&mut dyn Group<S>, &mut GroupHost<'_, S>),
    ) {
        if caught(|| code(group, host)).is_err() {
            tracing::error!("a group of members panicked: they send queries of their own");
            group.detach_all(DetachReason::Panicked);
        }
    }
}

impl<S: Source> SharedQuery<S> {
    /// Queues the members that the changes from `previous` to `current` touch.
    pub(crate) fn touch_changed<V: Snapshot>(&mut self, previous: &V, current: &V) {
        // An entry that was read anew may differ in what the default comparison overlooks.
        let view = View::default().with_equality(|old, new| std::ptr::eq(old, new));
        let routed = caught(|| {
            let mut all_routed = true;
            for change in changes(Some(previous), current, &view) {
                match change.item().routing_key() {
                    Some(key) => self.groups.iter_mut().for_each(|group| group.touch(key)),
                    None => all_routed = false,
                }
            }
            all_routed
        });
        if !routed.unwrap_or(false) {
            self.touch_all(false);
        }
    }

    /// Queues all members.
    pub(crate) fn touch_all(&mut self, resync: bool) {
        for group in self.groups.iter_mut() {
            group.touch_all(resync);
        }
    }

    /// The wide query is refused for longer than a moment: all members detach.
    pub(crate) fn refuse(&mut self) {
        self.refused = true;
        for group in self.groups.iter_mut() {
            group.detach_all(DetachReason::Refused);
        }
    }

    /// The watcher has panicked. A query that panics each time serves nobody, so its members detach.
    pub(crate) fn panicked(&mut self) {
        self.panics = self.panics.saturating_add(1);
        if self.panics >= DETACH_AFTER_ATTEMPTS {
            self.refuse();
        }
    }

    /// The wide query is answered: members stay.
    pub(crate) fn accept(&mut self) {
        self.panics = 0;
        if std::mem::take(&mut self.refused) {
            for group in self.groups.iter_mut() {
                group.keep_all();
            }
        }
    }

    /// Takes over another source. The receivers resolve when the members' requests are closed.
    pub(crate) fn replace_source(&mut self) -> Vec<oneshot::Receiver<()>> {
        let mut closed = Vec::new();
        self.accept();
        self.stale = true;
        for group in self.groups.iter_mut() {
            group.replace_source();
            group.close_queries(&mut closed);
        }
        closed
    }

    /// Removes the members whose numbers are not wanted.
    pub(crate) fn retain(&mut self, wanted: &HashSet<u64>, in_flight: &mut InFlight) {
        for group in self.groups.iter_mut() {
            group.retain(wanted, &mut self.timers, in_flight);
        }
    }
}

/// A command for the members of a shared query. Its actor runs it; one that is never read is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ToMembers<S: Source>(
    #[expect(clippy::type_complexity, reason = "it is written once")]
    pub(crate)  Box<dyn FnOnce(&mut Groups<S>, &mut GroupHost<'_, S>) + Send>,
);

impl<S: Source> ToMembers<S> {
    pub(crate) fn new<N: Query<Source = S>>(
        command: impl FnOnce(&mut MemberGroup<N>, &mut GroupHost<'_, S>) + Send + 'static,
    ) -> Self {
        Self(Box::new(|groups, host| {
            let group = groups.of::<N>();
            if caught(|| command(group, host)).is_err() {
                group.detach_all(DetachReason::Panicked);
            }
        }))
    }
}

impl<S: Source> fmt::Debug for ToMembers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToMembers")
    }
}

impl<S: Source> fmt::Debug for SharedQuery<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedQuery")
            .field("groups", &self.groups.0.len())
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}
