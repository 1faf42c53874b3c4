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
        Answer, Cursor, Query, Request, Source,
        failure::{Failure, FailureClass},
    },
    shared_query::DETACH_AFTER_ATTEMPTS,
};

/// An answer without news that took less than this is a wake-up for nothing, not the end of a wait.
const EARLY: Duration = Duration::from_secs(1);

/// What came of a query; the rest is at [`WatcherActor::query_on`].
type Asked<Q> = (
    Result<Answer<<Q as Query>::Value>, Failure>,
    Option<Lease>,
    bool,
    Option<Permit>,
);

impl<Q: Query> WatcherActor<Q> {
    /// Sends the next query as soon as the throttle allows it.
    pub(super) fn ask(&mut self, ctx: &mut Context<Self>) {
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
        let request = self.state.feeds.progress.request();
        let blocking = self.state.feeds.progress.is_blocking();
        let (places, seat) = (self.places.clone(), self.seat.take());
        let delivering = !self.state.in_flight.is_empty();
        let seated = async move {
            if delivering {
                // A handler on this thread goes first: to send a query takes longer than to begin with it.
                tokio::task::yield_now().await;
            }
            match (&places, seat) {
                (Some(places), Some(Lease::Queued(turn))) if blocking => {
                    Some(places.await_permit(turn).await)
                }
                (_, seat) => seat,
            }
        };
        let (guard, closed) = oneshot::channel();
        let query = seated.into_actor(self).then(move |seat, watcher, _| {
            if matches!(seat, Some(Lease::Permit(_))) && blocking {
                // It may be long before the answer tells.
                watcher.link.transition(WatchState::Live);
            }
            wrap_future(watcher.query_on(seat, client, request, guard))
        });
        ctx.spawn(query.map(move |(answer, seat, early, turn), watcher, ctx| {
            watcher.query = None;
            watcher.record_response(&answer);
            match answer {
                Ok(answer) => watcher.answered(answer, seat, early, ctx),
                Err(failure) => {
                    // Given back before the pause: a place must not stand empty through it.
                    drop(seat);
                    watcher.failed(failure, turn, ctx);
                }
            }
        }));
        self.query = Some(closed);
    }

    /// The query as its seat allows it; with the seat, whether it blocked and was answered early, and its turn.
    fn query_on(
        &self,
        seat: Option<Lease>,
        client: <Q::Source as Source>::Client,
        request: Request<Q::Value>,
        guard: oneshot::Sender<()>,
    ) -> impl Future<Output = Asked<Q>> + use<Q> {
        let query = Arc::clone(&self.link.query);
        let places = self.places.clone();
        let waiting = matches!(seat, Some(Lease::Queued(_)));
        let request = if waiting {
            Request {
                cursor: Cursor::Start,
                ..request
            }
        } else {
            request
        };
        let blocking = request.cursor != Cursor::Start;
        let turn = self.turn(blocking);
        let hold = hold(&*query, &self.source);
        async move {
            // Dropped in the opposite order: the request is closed, its place is free, and that is told.
            let _guard = guard;
            let kept = places
                .clone()
                .filter(|_| blocking)
                .map(|places| (places, Instant::now() + hold));
            let seat = InUseLease::new(seat, kept);
            let turn = match turn {
                Some(turn) => turn.await,
                None => None,
            };
            let _brief = match places {
                Some(places) if !blocking => places.short_permit().await,
                _ => None,
            };
            let begun = Instant::now();
            let answer = run(&*query, &client, request).await;
            let seat = match &answer {
                // The server does not notice that a connection broke: it holds the query until its wait is over.
                Err(failure) if !failure.is_released() => {
                    drop(seat);
                    None
                }
                _ => seat.finished(),
            };
            (answer, seat, blocking && begun.elapsed() < EARLY, turn)
        }
    }

    fn answered(
        &mut self,
        answer: Answer<Q::Value>,
        seat: Option<Lease>,
        early: bool,
        ctx: &mut Context<Self>,
    ) {
        // The next query will want to be held. Taken before the state is told, which depends on it.
        self.seat = seat.or_else(|| self.places.as_ref().and_then(ConnectionBudget::lease));
        self.take_in(answer, early, ctx);
        self.ask(ctx);
    }

    /// Ends this life of the actor; the supervisor starts the next one, which waits out the pause.
    fn failed(&mut self, failure: Failure, turn: Option<Permit>, ctx: &mut Context<Self>) {
        self.seat = None;
        self.state.feeds.progress.interrupted();
        if failure.class() == FailureClass::Invalid {
            self.state.halted = true;
            self.link.transition(WatchState::Stopped { error: failure });
            return self.refuse_members(ctx);
        }
        let refused = failure.class().is_of_the_query();
        let next = self.postpone(&failure, turn);
        if refused && self.state.backoff.attempt() >= DETACH_AFTER_ATTEMPTS {
            self.refuse_members(ctx);
        }
        self.link.transition(WatchState::Retrying {
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
) -> Result<Answer<Q::Value>, Failure> {
    match query.evaluation().asked() {
        Some(asked) => asked.run(client, request).await,
        None => std::future::pending().await,
    }
}

fn hold<Q: Query>(query: &Q, source: &Q::Source) -> Duration {
    let asked = query.evaluation().asked();
    let hold = asked.map(|asked| asked.server_hold(source));
    hold.unwrap_or_default().min(EFFECTIVELY_FOREVER)
}
