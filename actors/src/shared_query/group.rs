//! The members of one type, and the queue in which they are updated.

use std::{
    any::TypeId,
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::join_all;
use tokio::{sync::oneshot, time::Instant};

use super::{
    GroupHost, UpstreamValue,
    key_index::{IndexedSelector, KeyIndex},
    member::Member,
    subscription_timers::{MemberId, SubscriptionTimers},
};
use crate::{
    caught::{caught, discard},
    messages::{subscription_id::SubscriptionId, watch_status::WatchState},
    query::{Outcome, Position, Query, QueryResponse, shared::Extracted},
    subscription::{
        in_flight::{InFlight, Outbox},
        registration::{Registration, Subscribe},
    },
    topic::{
        Applied, DeliveryOutcome,
        report::{DetachReason, ExitReason, ReportKind},
        reporter::Reporter,
        state::WatcherState,
    },
    value::{diff::differ, view::View},
};

/// The state of a watch on its way to a group, which its supervisor takes back if the message is never read.
pub(crate) type Joining<N> = Arc<Mutex<Option<Box<WatcherState<N>>>>>;

/// The members whose queries are of type `N`.
pub(crate) struct MemberGroup<N: Query> {
    pub(super) members: HashMap<u64, Box<Member<N>>>,
    pub(super) index: KeyIndex,
    /// The members to update, each once.
    pub(super) queue: VecDeque<u64>,
    /// The members that are to be confirmed by queries of their own.
    pub(super) to_confirm: VecDeque<u64>,
    /// The number of these queries in flight.
    pub(super) confirming: usize,
    /// The number of the last of these queries.
    pub(super) last_query: u64,
}

impl<N: Query> Default for MemberGroup<N> {
    fn default() -> Self {
        Self {
            members: HashMap::new(),
            index: KeyIndex::default(),
            queue: VecDeque::new(),
            to_confirm: VecDeque::new(),
            confirming: 0,
            last_query: 0,
        }
    }
}

pub(super) fn member_id<N: Query>(number: u64) -> MemberId {
    MemberId {
        group: TypeId::of::<N>(),
        number,
    }
}

impl<N: Query> MemberGroup<N> {
    pub(crate) fn contains(&self, number: u64) -> bool {
        self.members.contains_key(&number)
    }

    /// Adds a watch, with the state of the watcher that it had before, if it had one. Runs no code of an
    /// application.
    pub(crate) fn add(
        &mut self,
        reporter: Reporter<N>,
        joining: Option<&Joining<N>>,
        timers: &mut SubscriptionTimers,
        in_flight: &mut InFlight,
    ) {
        let number = reporter.incarnation;
        let state =
            joining.and_then(|state| state.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut state = state.map(|state| *state).unwrap_or_default();
        for id in state.topic.subscribers.keys() {
            timers.insert(id, member_id::<N>(number));
            timers.deliver_at(id, Instant::now());
            state.in_flight.transfer(id, in_flight);
        }
        let member = Member::new(reporter, std::mem::take(&mut state.topic));
        self.members.insert(number, Box::new(member));
        self.enqueue(number);
    }

    /// The subscriptions of a member.
    pub(crate) fn subscriptions(&self, number: u64) -> Vec<SubscriptionId> {
        let member = self.members.get(&number);
        member.map_or_else(Vec::new, |member| member.topic.subscribers.keys().collect())
    }

    /// Adds a subscriber to a member, which runs no code of an application.
    pub(crate) fn subscribe(
        &mut self,
        number: u64,
        id: SubscriptionId,
        registration: Arc<Registration<N>>,
        timers: &mut SubscriptionTimers,
    ) {
        if let Some(member) = self.members.get_mut(&number) {
            timers.insert(id, member_id::<N>(number));
            timers.deliver_at(id, Instant::now());
            let message = Subscribe { id, registration };
            member.topic.subscribe(message, Instant::now());
        }
    }

    pub(crate) fn unsubscribe(
        &mut self,
        number: u64,
        id: SubscriptionId,
        timers: &mut SubscriptionTimers,
        in_flight: &mut InFlight,
    ) {
        if let Some(member) = self.members.get_mut(&number) {
            discard(member.topic.subscribers.remove(id));
        }
        timers.remove(id);
        in_flight.retract(id);
    }

    /// Sends a subscriber what it is owed.
    pub(crate) fn deliver(
        &mut self,
        number: u64,
        id: SubscriptionId,
        host: &mut GroupHost<'_, N::Source>,
    ) {
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        let Member {
            reporter, topic, ..
        } = &mut **member;
        let outcome = topic.deliver_next(id, reporter, host.in_flight, Instant::now());
        Self::delivered(id, outcome, host);
    }

    pub(super) fn delivered(
        id: SubscriptionId,
        outcome: DeliveryOutcome,
        host: &mut GroupHost<'_, N::Source>,
    ) {
        match outcome {
            DeliveryOutcome::Done => {}
            DeliveryOutcome::Wait(due) => host.timers.deliver_at(id, due),
            DeliveryOutcome::Gone => {
                host.timers.remove(id);
                host.in_flight.retract(id);
            }
        }
    }

    /// Ends a member. `done` is dropped when its request is closed.
    pub(crate) fn end(
        &mut self,
        number: u64,
        done: oneshot::Sender<()>,
        host: &mut GroupHost<'_, N::Source>,
    ) {
        let closed = self.remove(number, host.timers, host.in_flight);
        actix::spawn(async move {
            join_all(closed).await;
            drop(done);
        });
    }

    pub(super) fn remove(
        &mut self,
        number: u64,
        timers: &mut SubscriptionTimers,
        in_flight: &mut InFlight,
    ) -> Option<oneshot::Receiver<()>> {
        let mut member = self.take(number)?;
        for id in member.topic.subscribers.keys() {
            timers.remove(id);
            in_flight.retract(id);
        }
        let closed = member.close();
        discard(member);
        closed
    }

    fn take(&mut self, number: u64) -> Option<Box<Member<N>>> {
        let member = self.members.remove(&number)?;
        if let Some(selector) = member.selector {
            self.index.remove(selector, number);
        }
        Some(member)
    }

    pub(super) fn enqueue(&mut self, number: u64) {
        if let Some(member) = self.members.get_mut(&number)
            && !std::mem::replace(&mut member.queued, true)
        {
            self.queue.push_back(number);
        }
    }

    /// Extracts a member's value from the wider value.
    pub(super) fn update(&mut self, number: u64, host: &mut GroupHost<'_, N::Source>) {
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        if host.refused && member.detaching.is_none() {
            member.detaching = Some(DetachReason::Refused);
        }
        if let Some(reason) = member.detaching {
            return self.detach(number, reason, host);
        }
        if member.selector.is_none() {
            let Ok(Some(selector)) = caught(|| {
                let shared_with = member.reporter.query.shared_with()?;
                Some(IndexedSelector::from(
                    &shared_with.key_selector(host.source),
                ))
            }) else {
                return self.detach(number, DetachReason::Panicked, host);
            };
            self.index.insert(selector, number);
            member.selector = Some(selector);
        }
        let Some(upstream) = host.upstream.clone() else {
            return;
        };
        let Some(part) = extract(host.source, member, &upstream) else {
            return self.detach(number, DetachReason::Panicked, host);
        };
        let may_be_older = member.handed_over && is_news(member, &part.outcome);
        let is_proven = host.proves_removals && member.is_extracted;
        if (!part.confirm || is_proven) && !may_be_older {
            member.handed_over = false;
            member.abandon_confirmation();
            return self.apply_whole(number, part, host);
        }
        // Everything but the removal is delivered at once.
        if !may_be_older && let Some(part) = extract_retaining(host.source, member, &upstream) {
            member.is_extracted = false;
            let resyncing = member.topic.query_state.is_resyncing();
            self.apply(number, part, host);
            // The removal that follows is of the same break.
            if resyncing && let Some(member) = self.members.get_mut(&number) {
                member.topic.query_state.interrupted();
            }
        }
        self.begin_confirmation(number, host);
    }

    /// Applies a part whose entries are all in the wide value, and delivers it.
    pub(super) fn apply_whole(
        &mut self,
        number: u64,
        part: Extracted<N::Value>,
        host: &mut GroupHost<'_, N::Source>,
    ) {
        if let Some(member) = self.members.get_mut(&number) {
            // A rejected part leaves the value as it is.
            member.is_extracted |= !matches!(part.outcome, Outcome::Rejected(_));
        }
        self.apply(number, part, host);
    }

    /// Applies what was extracted, and delivers it.
    fn apply(
        &mut self,
        number: u64,
        part: Extracted<N::Value>,
        host: &mut GroupHost<'_, N::Source>,
    ) {
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        let answer = QueryResponse {
            position: Position::Opaque(part.index),
            outcome: part.outcome,
            last_contact: None,
        };
        let Member {
            reporter, topic, ..
        } = &mut **member;
        let applied = topic.apply(answer, reporter, Instant::now());
        // Reported as a state of its own only the first time: later it inherits the wide watch's.
        reporter.transition(WatchState::Live);
        match applied {
            Applied::Changed { first, .. } => {
                if first {
                    reporter.report(ReportKind::FirstValue);
                }
                for id in topic.subscribers.keys().collect::<Vec<_>>() {
                    self.deliver(number, id, host);
                }
            }
            Applied::Unchanged => {}
            Applied::Rejected(reason) => reporter.reject(reason, &mut topic.rejection),
        }
    }

    /// Hands a member back to the supervisor, once its own request is closed.
    pub(super) fn detach(
        &mut self,
        number: u64,
        reason: DetachReason,
        host: &mut GroupHost<'_, N::Source>,
    ) {
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        member.detaching = Some(reason);
        member.abandon_confirmation();
        if member.query.is_some() {
            // It goes when the query has been dropped.
            return;
        }
        let Some(member) = self.take(number) else {
            return;
        };
        let reporter = &member.reporter;
        tracing::info!(path = %reporter.path, %reason, "falling back to the watch's own query");
        let mut state = WatcherState::<N>::default();
        for id in member.topic.subscribers.keys() {
            host.timers.remove(id);
            host.in_flight.transfer(id, &mut state.in_flight);
        }
        state.topic = member.topic;
        member
            .reporter
            .exit(ExitReason::Detached(reason), Box::new(state), None);
    }
}

/// A member's part of the wider value; `None` if its query does not know such a value, or panics.
pub(super) fn extract<N: Query>(
    source: &Arc<N::Source>,
    member: &Member<N>,
    upstream: &UpstreamValue,
) -> Option<Extracted<N::Value>> {
    let current = member.topic.query_state.current();
    let previous = current.map(|version| &*version.value);
    caught(|| {
        let shared_with = member.reporter.query.shared_with()?;
        shared_with.extract(source, &*upstream.value, upstream.index, previous)
    })
    .ok()?
}

/// Whether this part differs from the member's value. Where the comparison panics, it does not.
pub(super) fn is_news<N: Query>(member: &Member<N>, part: &Outcome<N::Value>) -> bool {
    let Some(current) = member.topic.query_state.current() else {
        return true;
    };
    match part {
        Outcome::Value(part) | Outcome::Unproven(part) => {
            caught(|| differ(&*current.value, part, &View::default())).unwrap_or(false)
        }
        Outcome::Rejected(_) => true,
        Outcome::Unchanged => false,
    }
}

/// The same with the entries kept that it lacks, if the query can do that.
fn extract_retaining<N: Query>(
    source: &Arc<N::Source>,
    member: &Member<N>,
    upstream: &UpstreamValue,
) -> Option<Extracted<N::Value>> {
    let previous = &*member.topic.query_state.current()?.value;
    caught(|| {
        let shared_with = member.reporter.query.shared_with()?;
        shared_with.extract_retaining(source, &*upstream.value, upstream.index, previous)
    })
    .ok()?
}
