//! Confirms removals with the member's own query, and what a member finds that comes back.
//!
//! A member that comes back may know a later value than the wide watch does: until the wider value has changed or
//! the member's own query agrees with it, the member's value stays.
//!
//! What a wider value lacks may only be hidden there, or not be read yet. Until the member's own query lacks
//! it too, it stays; everything else is delivered meanwhile.

use std::{any::Any, collections::BTreeSet, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::abortable};
use tokio::{sync::oneshot, time::Instant};

use super::{
    Confirmed, GroupHost, MemberGroup,
    group::{extract, member_id},
    member::{ConfirmQuery, Confirmation},
};
use crate::{
    caught::caught,
    query::{
        Cursor, Outcome, Query, QueryResponse, Request,
        failure::{Failure, FailureClass},
    },
    topic::report::DetachReason,
    value::{
        diff::differ,
        snapshot::{Item, Snapshot},
        view::View,
    },
};

/// The number of confirming queries of a group that are in flight at once.
const MAX_CONFIRMING: usize = 16;

/// The number of answers in a row that may contradict the wider value before the member detaches.
const MAX_CONTRADICTIONS: u32 = 8;

/// The number of these that another query follows without a pause, if the wider value has changed meanwhile.
const MAX_IMMEDIATE_QUERIES: u32 = 2;

#[derive(Debug, thiserror::Error)]
#[error("a derived query has no answer of its own that could confirm a removal")]
struct DerivedMember;

/// The result of a query: `None` if it was aborted, an error within if it panicked.
type QueryResult<V> = Option<std::thread::Result<Result<QueryResponse<V>, Failure>>>;

impl<N: Query> MemberGroup<N> {
    /// Begins to confirm what a member's part lacks, unless that has begun.
    pub(super) fn begin_confirmation(&mut self, number: u64, host: &mut GroupHost<'_, N::Source>) {
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        if member.confirmation.is_none() {
            member.confirmation = Some(Box::new(Confirmation {
                backoff: host.backoff.clone_reset(),
                contradicted: 0,
                sent_at: 0,
                paused_until: None,
            }));
            self.to_confirm.push_back(number);
            self.send_queries(host);
        }
    }

    /// Sends the next confirming queries.
    fn send_queries(&mut self, host: &mut GroupHost<'_, N::Source>) {
        while self.confirming < MAX_CONFIRMING {
            let Some(number) = self.to_confirm.pop_front() else {
                return;
            };
            let Some(member) = self.members.get_mut(&number) else {
                continue;
            };
            let waits = member.query.is_none() && member.detaching.is_none();
            let confirmation = member.confirmation.as_mut().filter(|_| waits);
            let Some(confirmation) = confirmation.filter(|it| it.paused_until.is_none()) else {
                continue;
            };
            confirmation.sent_at = host.upstream.as_ref().map_or(0, |upstream| upstream.index);
            let client = match host.connect() {
                Ok(client) => client,
                Err(failure) => {
                    self.answered(number, Err(failure), host);
                    continue;
                }
            };
            let current = member.topic.query_state.current();
            let request = Request {
                cursor: Cursor::Start,
                previous: current.map(|version| Arc::clone(&version.value)),
                unproven: current.is_some_and(|version| version.unproven),
                longest_wait: None,
            };
            let (query, budget) = (Arc::clone(&member.reporter.query), host.budget.cloned());
            let (guard, closed) = oneshot::channel::<()>();
            let (result, abort) = abortable(async move {
                // Dropped in reverse order: the request is closed, then `closed` resolves.
                let _guard = guard;
                let _permit = match budget {
                    Some(budget) => budget.short_permit().await,
                    None => None,
                };
                AssertUnwindSafe(async {
                    match query.evaluation().asked() {
                        Some(asked) => asked.run(&client, request).await,
                        None => Err(Failure::new(FailureClass::Invalid, DerivedMember)),
                    }
                })
                .catch_unwind()
                .await
            });
            self.last_query += 1;
            let id = self.last_query;
            member.query = Some(Box::new(ConfirmQuery {
                number: id,
                abort,
                closed,
            }));
            self.confirming += 1;
            host.queries.push(Box::pin(async move {
                let result: QueryResult<N::Value> = result.await.ok();
                Confirmed {
                    member: member_id::<N>(number),
                    query: id,
                    result: Box::new(result) as Box<dyn Any>,
                }
            }));
        }
    }

    /// A confirming query has ended.
    pub(super) fn query_ended(
        &mut self,
        confirmed: Confirmed,
        host: &mut GroupHost<'_, N::Source>,
    ) {
        self.confirming -= 1;
        let Confirmed {
            member: id,
            query,
            result,
        } = confirmed;
        let number = id.number;
        if let Some(member) = self.members.get_mut(&number)
            && member.query.take_if(|it| it.number == query).is_some()
            && let Ok(result) = result.downcast::<QueryResult<N::Value>>()
        {
            match (member.detaching, *result) {
                (Some(reason), _) => self.detach(number, reason, host),
                (None, Some(Ok(answer))) => self.answered(number, answer, host),
                (None, Some(Err(_))) => self.detach(number, DetachReason::Panicked, host),
                // It was aborted, and something else may have gone missing meanwhile.
                (None, None) => self.to_confirm.push_back(number),
            }
        }
        self.send_queries(host);
    }

    /// The member's own query was answered.
    fn answered(
        &mut self,
        number: u64,
        answer: Result<QueryResponse<N::Value>, Failure>,
        host: &mut GroupHost<'_, N::Source>,
    ) {
        let (Some(member), Some(upstream)) = (self.members.get_mut(&number), host.upstream.clone())
        else {
            return;
        };
        let Some(mut part) = extract(host.source, member, &upstream) else {
            return self.detach(number, DetachReason::Panicked, host);
        };
        let Some(confirmation) = &mut member.confirmation else {
            return;
        };
        let mut immediately = false;
        let pause = match answer {
            Ok(answer) => {
                let current = member.topic.query_state.current();
                let current = current.map(|version| &*version.value);
                let all = member.handed_over;
                let Ok(agrees) = caught(|| agrees(&answer.outcome, &part.outcome, current, all))
                else {
                    return self.detach(number, DetachReason::Panicked, host);
                };
                if agrees {
                    if matches!(answer.outcome, Outcome::Unproven(_)) {
                        part.outcome = part.outcome.into_unproven();
                    }
                    member.confirmation = None;
                    member.handed_over = false;
                    return self.apply_whole(number, part, host);
                }
                // One of the two is older, and the next answer makes them alike.
                confirmation.contradicted += 1;
                if confirmation.contradicted >= MAX_CONTRADICTIONS {
                    return self.detach(number, DetachReason::Contradicted, host);
                }
                immediately = confirmation.contradicted <= MAX_IMMEDIATE_QUERIES
                    && confirmation.sent_at != upstream.index;
                None
            }
            Err(failure) if failure.class().is_of_the_query() => {
                return self.detach(number, DetachReason::OwnQueryRefused, host);
            }
            Err(failure) => failure.retry_after(),
        };
        let now = Instant::now();
        let backoff = confirmation.backoff.failed(now);
        if immediately {
            self.to_confirm.push_back(number);
            return;
        }
        let due = now + backoff.max(pause.unwrap_or_default());
        confirmation.paused_until = Some(due);
        host.timers.confirm_at(member_id::<N>(number), due);
    }

    /// The pause that ends at `due` is over.
    pub(super) fn pause_ended(
        &mut self,
        number: u64,
        due: Instant,
        host: &mut GroupHost<'_, N::Source>,
    ) {
        let member = self.members.get_mut(&number);
        let confirmation = member.and_then(|member| member.confirmation.as_mut());
        // The removal it was about may have been cleared up, and another one be confirmed.
        if let Some(confirmation) = confirmation
            && confirmation
                .paused_until
                .take_if(|until| *until == due)
                .is_some()
        {
            self.to_confirm.push_back(number);
            self.send_queries(host);
        }
    }

    /// Sends the queries again that were dropped with the host's last life.
    pub(super) fn resume_confirmations(&mut self, host: &mut GroupHost<'_, N::Source>) {
        self.confirming = 0;
        for (number, member) in &mut self.members {
            if member.query.take().is_some() {
                self.to_confirm.push_back(*number);
            }
            if member.detaching.is_some() && !std::mem::replace(&mut member.queued, true) {
                self.queue.push_back(*number);
            }
        }
        self.send_queries(host);
    }
}

fn ids<I: Item>(items: &[Arc<I>]) -> BTreeSet<I::Id<'_>> {
    items.iter().map(|item| item.id()).collect()
}

/// Whether the member's own answer lacks what its part of the wider value lacks; with `all`, whether the two
/// are alike.
fn agrees<V: Snapshot>(
    own: &Outcome<V>,
    part: &Outcome<V>,
    current: Option<&V>,
    all: bool,
) -> bool {
    match (own, part) {
        // Of two rejections neither has a value that could be lost.
        (Outcome::Rejected(_), Outcome::Rejected(_)) | (Outcome::Unchanged, Outcome::Unchanged) => {
            true
        }
        (Outcome::Value(own) | Outcome::Unproven(own), Outcome::Value(part)) if all => {
            !differ(own, part, &View::default())
        }
        (Outcome::Value(own) | Outcome::Unproven(own), Outcome::Value(part)) => {
            let known = current.map_or(&[][..], Snapshot::items);
            let (left, found) = (ids(part.items()), ids(own.items()));
            let missing = known.iter().map(|item| item.id());
            let mut missing = missing.filter(|id| !left.contains(id)).peekable();
            if missing.peek().is_none() {
                return own == part;
            }
            missing.all(|id| !found.contains(&id))
        }
        _ => false,
    }
}
