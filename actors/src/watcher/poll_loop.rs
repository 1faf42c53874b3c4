//! One query after the other.

use std::{sync::Arc, time::Duration};

use actix::{fut::wrap_future, prelude::*};
use tokio::{sync::oneshot, time::Instant};

use super::WatcherActor;
use crate::{
    limits::{
        backoff::EFFECTIVELY_FOREVER,
        connection_budget::{ConnectionBudget, InUseLease, Lease},
        reconnect_gate::Permit,
    },
    messages::watch_status::WatchState,
    query::{
        Cursor, Position, Query, QueryResponse, Request, Source,
        failure::{Failure, FailureClass},
    },
    shared_query::DETACH_AFTER_ATTEMPTS,
};

/// An answer without news that took less than this is a wake-up for nothing, not the end of a wait.
const EARLY: Duration = Duration::from_secs(1);

/// The result of a query; see [`WatcherActor::query_on`].
type QueryEnd<Q> = (
    Result<QueryResponse<<Q as Query>::Value>, Failure>,
    Option<Lease>,
    bool,
    Option<Permit>,
);

impl<Q: Query> WatcherActor<Q> {
    /// Sends the next query as soon as the throttle allows it.
    pub(super) fn poll(&mut self, ctx: &mut Context<Self>) {
        if self.inputs.is_some() {
            return self.recompute(ctx);
        }
        if self.ended || self.state.halted || self.query.is_some() {
            return;
        }
        let pause = self.state.throttle.take(Instant::now());
        if pause.is_zero() {
            self.send_query(ctx);
        } else {
            ctx.run_later(pause, Self::send_query);
        }
    }

    fn send_query(&mut self, ctx: &mut Context<Self>) {
        if self.ended || self.state.halted || self.query.is_some() {
            return;
        }
        let client = match self.client.take().map_or_else(|| self.source.connect(), Ok) {
            Ok(client) => self.client.insert(client).clone(),
            Err(failure) => return self.failed(failure, None, ctx),
        };
        let request = self.state.topic.query_state.request();
        let blocking = self.state.topic.query_state.is_blocking();
        let (budget, lease) = (self.budget.clone(), self.lease.take());
        let delivering = !self.state.in_flight.is_empty();
        let leased = async move {
            if delivering {
                // A handler on this thread goes first: to send a query takes longer than to begin with it.
                tokio::task::yield_now().await;
            }
            match (&budget, lease) {
                (Some(budget), Some(Lease::Queued(permit))) if blocking => {
                    Some(budget.await_permit(permit).await)
                }
                (_, lease) => lease,
            }
        };
        let (closing, closed) = oneshot::channel();
        let query = leased.into_actor(self).then(move |lease, watcher, _| {
            if matches!(lease, Some(Lease::Permit(_))) && blocking {
                // The query may block for minutes, so it is reported as live now.
                watcher.reporter.transition(WatchState::Live);
            }
            wrap_future(watcher.query_on(lease, client, request, closing))
        });
        ctx.spawn(
            query.map(move |(answer, lease, early, permit), watcher, ctx| {
                watcher.query = None;
                watcher.record_response(&answer);
                match answer {
                    Ok(answer) => watcher.answered(answer, lease, early, ctx),
                    Err(failure) => {
                        // Given back before the pause: a connection must not stay unused through it.
                        drop(lease);
                        watcher.failed(failure, permit, ctx);
                    }
                }
            }),
        );
        self.query = Some(closed);
    }

    /// The query as its lease allows it; with the lease, whether it blocked and was answered early, and the permit of the reconnect gate.
    fn query_on(
        &self,
        lease: Option<Lease>,
        client: <Q::Source as Source>::Client,
        request: Request<Q::Value>,
        closing: oneshot::Sender<()>,
    ) -> impl Future<Output = QueryEnd<Q>> + use<Q> {
        let query = Arc::clone(&self.reporter.query);
        let budget = self.budget.clone();
        let longest_wait = match (&budget, &lease) {
            (Some(budget), Some(Lease::Permit(permit))) => budget.longest_wait(permit),
            _ => None,
        };
        let cursor = match lease {
            Some(Lease::Queued(_)) => Cursor::Start,
            _ => request.cursor,
        };
        let blocking = cursor != Cursor::Start;
        let request = Request {
            cursor,
            longest_wait: longest_wait.filter(|_| blocking),
            ..request
        };
        let permit = self.permit(blocking);
        let hold = hold(&*query, &self.source, longest_wait);
        async move {
            // Dropped in reverse order: the request is closed, its permit released, then `closed` resolves.
            let _closing = closing;
            let kept = budget
                .clone()
                .filter(|_| blocking)
                .map(|budget| (budget, Instant::now() + hold));
            let lease = InUseLease::new(lease, kept);
            let permit = match permit {
                Some(permit) => permit.await,
                None => None,
            };
            let _short = match budget {
                Some(budget) if !blocking => budget.short_permit().await,
                _ => None,
            };
            let begun = Instant::now();
            let answer = run(&*query, &client, request).await;
            let lease = match &answer {
                // The server does not notice that a connection broke: it holds the query until its wait is over.
                Err(failure) if !failure.is_released() => {
                    drop(lease);
                    None
                }
                Ok(answer) if matches!(answer.position, Position::BesideHeld(_)) => {
                    drop(lease);
                    None
                }
                _ => lease.finished(),
            };
            (answer, lease, blocking && begun.elapsed() < EARLY, permit)
        }
    }

    fn answered(
        &mut self,
        mut answer: QueryResponse<Q::Value>,
        lease: Option<Lease>,
        early: bool,
        ctx: &mut Context<Self>,
    ) {
        if let Position::Repeated(index) = answer.position
            && !self.may_restart()
        {
            answer.position = Position::Index(index);
        }
        // For the next query, which will be held. Taken before the state is reported, which depends on it.
        let lease = lease.filter(|lease| !lease.is_surplus());
        self.lease = lease.or_else(|| self.budget.as_ref().and_then(ConnectionBudget::lease));
        self.apply(answer, early, ctx);
        self.poll(ctx);
    }

    /// Whether a repeated index may make the next query start from nothing: once in the time that the server holds one,
    /// so that a server that never holds one is not asked twice as often.
    fn may_restart(&mut self) -> bool {
        let hold = hold(&*self.reporter.query, &self.source, None);
        let now = Instant::now();
        let last = self.state.restarted;
        let may = last.is_none_or(|last| now.duration_since(last) >= hold) && !hold.is_zero();
        if may {
            self.state.restarted = Some(now);
        }
        may
    }

    /// Ends this life of the actor; the supervisor starts the next one, which waits out the pause.
    fn failed(&mut self, failure: Failure, permit: Option<Permit>, ctx: &mut Context<Self>) {
        self.lease = None;
        self.state.topic.query_state.interrupted();
        if failure.class() == FailureClass::Invalid {
            self.state.halted = true;
            self.reporter
                .transition(WatchState::Stopped { error: failure });
            return self.refuse_members(ctx);
        }
        let refused = failure.class().is_of_the_query();
        let next = self.postpone(&failure, permit);
        if refused && self.state.backoff.attempt() >= DETACH_AFTER_ATTEMPTS {
            self.refuse_members(ctx);
        }
        self.reporter.transition(WatchState::Retrying {
            error: failure,
            attempt: self.state.backoff.attempt(),
            next,
        });
        ctx.stop();
    }
}

/// Asks once; a derived query is never asked.
async fn run<Q: Query>(
    query: &Q,
    client: &<Q::Source as Source>::Client,
    request: Request<Q::Value>,
) -> Result<QueryResponse<Q::Value>, Failure> {
    match query.evaluation().asked() {
        Some(asked) => asked.run(client, request).await,
        None => std::future::pending().await,
    }
}

/// The time for which the server keeps a query that was cut off.
fn hold<Q: Query>(query: &Q, source: &Q::Source, longest_wait: Option<Duration>) -> Duration {
    let asked = query.evaluation().asked();
    let hold = asked.map(|asked| asked.server_hold(source));
    // A server may add to the wait: Consul adds a sixteenth.
    let longest = longest_wait.map_or(EFFECTIVELY_FOREVER, |wait| wait.saturating_add(wait / 8));
    hold.unwrap_or_default().min(longest)
}
