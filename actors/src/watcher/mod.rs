//! The actor that watches one path.

pub(crate) mod commands;
mod derived;
pub(crate) mod members;
mod poll_loop;
mod reconnect;

use std::{any::Any, error::Error, fmt, sync::Arc, time::Duration};

use actix::prelude::*;
use tokio::{sync::oneshot, time::Instant};

use self::derived::DerivedInputs;
use crate::{
    limits::{
        connection_budget::{ConnectionBudget, Lease},
        reconnect_gate::ReconnectGate,
    },
    messages::{subscription_id::SubscriptionId, watch_status::WatchState},
    query::{Evaluation, Query, QueryResponse, Source},
    shared_query::SharedQuery,
    subscription::{
        acknowledgements::{DeliveryHost, DriveDeliveries},
        in_flight::{Acknowledgement, InFlight, Outbox},
    },
    topic::{
        Applied, DeliveryOutcome,
        report::{ExitReason, ReportKind},
        reporter::Reporter,
        state::WatcherState,
    },
};

/// Watches one path: runs one query after the other and feeds its subscribers.
///
/// Only [`WatchSupervisor`](crate::WatchSupervisor) starts one, under an [`actix::Supervisor`]. An error stops its context,
/// which the supervisor starts again; the pause before the next attempt is scheduled in
/// [`started`](Actor::started). It is public to be named in traces and types, not to be made.
pub struct WatcherActor<Q: Query> {
    reporter: Reporter<Q>,
    source: Arc<Q::Source>,
    /// The source's budget, looked up once and not with every answer.
    budget: Option<ConnectionBudget>,
    /// The source's reconnect gate, likewise.
    reconnect_gate: Option<ReconnectGate>,
    /// Whether the query proves removals, likewise.
    proves_removals: bool,
    state: WatcherState<Q>,
    /// The watches that this one serves. Most serve none.
    shared: Option<Box<SharedQuery<Q::Source>>>,
    client: Option<<Q::Source as Source>::Client>,
    /// A query is on its way; the receiver resolves when it has been dropped.
    ///
    /// Nothing here is cancelled by its `SpawnHandle`: a context that is started again counts its handles
    /// from the beginning, and what was cancelled in the last life would be cancelled in the next one too.
    query: Option<oneshot::Receiver<()>>,
    /// The earliest time at which a subscription wants to be looked at again.
    timer: Option<Instant>,
    /// The next members are about to be updated.
    stepping: bool,
    /// It hands its state over as soon as its request is closed. Dropped when it has.
    handing_over: Option<oneshot::Sender<()>>,
    /// Its lease between two queries, if there is a connection budget.
    lease: Option<Lease>,
    /// Its inputs, if its query is a derived one.
    inputs: Option<DerivedInputs>,
    ended: bool,
}

impl<Q: Query> fmt::Debug for WatcherActor<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatcherActor")
            .field("path", &self.reporter.path)
            .field("state", &self.state)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl<Q: Query> WatcherActor<Q> {
    /// Runs no code of an application: until the actor is there, nobody reports its panic.
    pub(crate) fn new(
        reporter: Reporter<Q>,
        source: Arc<Q::Source>,
        state: WatcherState<Q>,
        shared: Option<Box<SharedQuery<Q::Source>>>,
    ) -> Self {
        Self {
            reporter,
            budget: None,
            reconnect_gate: None,
            proves_removals: false,
            source,
            state,
            shared,
            client: None,
            query: None,
            timer: None,
            stepping: false,
            handing_over: None,
            lease: None,
            inputs: None,
            ended: false,
        }
    }

    /// Looks up what the source and the query say about themselves.
    fn look_up(&mut self) {
        self.budget = self.source.connection_budget();
        self.reconnect_gate = self.source.reconnect_gate();
        match self.reporter.query.evaluation() {
            Evaluation::Asked(asked) => self.proves_removals = asked.proves_removals(&self.source),
            Evaluation::Derived(_) => {
                self.inputs.get_or_insert_default();
            }
        }
    }

    /// Takes an answer in, and sends subscribers what it brought.
    fn apply(&mut self, answer: QueryResponse<Q::Value>, early: bool, ctx: &mut Context<Self>) {
        let now = Instant::now();
        self.state.backoff.succeeded(now);
        self.state.next_attempt = None;
        let previous = self.shared.as_ref().and_then(|_| {
            let current = self.state.topic.query_state.current();
            current.map(|version| Arc::clone(&version.value))
        });
        match self.state.topic.apply(answer, &self.reporter, now) {
            Applied::Changed { first, resync } => {
                self.state.throttle.on_change();
                self.reporter.transition(self.good_state());
                if first {
                    self.reporter.report(ReportKind::FirstValue);
                }
                self.deliver_all(ctx);
                self.upstream_changed(previous.as_deref(), resync, ctx);
            }
            Applied::Unchanged => {
                self.on_empty_wakeup(early);
                self.reporter.transition(self.good_state());
                self.upstream_unchanged(ctx);
            }
            Applied::Rejected(reason) => {
                self.on_empty_wakeup(early);
                self.reporter.transition(self.good_state());
                self.reject(reason);
            }
        }
    }

    /// The state after a good answer.
    fn good_state(&self) -> WatchState {
        match (&self.inputs, &self.lease, &self.budget) {
            (Some(_), ..) => self.state_of_inputs(),
            (None, Some(Lease::Queued(_)), Some(budget)) => WatchState::Polling {
                limit: budget.max(),
            },
            _ => WatchState::Live,
        }
    }

    /// An answer without news: one that nobody had to wait for is what a hot loop is made of.
    fn on_empty_wakeup(&mut self, early: bool) {
        if early {
            self.state.throttle.on_empty_wakeup();
        }
    }

    fn reject(&mut self, reason: Arc<dyn Error + Send + Sync>) {
        self.reporter
            .reject(reason, &mut self.state.topic.rejection);
    }

    /// Sends every subscriber what it is owed.
    fn deliver_all(&mut self, ctx: &mut Context<Self>) {
        let ids: Vec<_> = self.state.topic.subscribers.keys().collect();
        let now = Instant::now();
        for id in ids {
            self.deliver_at(id, now, ctx);
        }
    }

    /// Sends one subscriber what it is owed.
    fn deliver_next(&mut self, id: SubscriptionId, ctx: &mut Context<Self>) {
        self.deliver_at(id, Instant::now(), ctx);
    }

    fn deliver_at(&mut self, id: SubscriptionId, now: Instant, ctx: &mut Context<Self>) {
        let WatcherState {
            topic, in_flight, ..
        } = &mut self.state;
        let delivered = topic.deliver_next(id, &self.reporter, in_flight, now);
        self.delivered(id, delivered, ctx);
    }

    fn delivered(
        &mut self,
        id: SubscriptionId,
        delivered: DeliveryOutcome,
        ctx: &mut Context<Self>,
    ) {
        match delivered {
            DeliveryOutcome::Done => {}
            DeliveryOutcome::Wait(due) => self.wake_at(due, ctx),
            DeliveryOutcome::Gone => self.state.in_flight.retract(id),
        }
    }

    fn wake_at(&mut self, due: Instant, ctx: &mut Context<Self>) {
        if self.timer.is_some_and(|at| at <= due) {
            return;
        }
        self.timer = Some(due);
        // A later timer that this one goes ahead of looks once for nothing.
        ctx.run_later(due - Instant::now(), move |watcher, ctx| {
            watcher.timer = watcher.timer.filter(|at| *at != due);
            watcher.deliver_all(ctx);
            watcher.drive_members(ctx);
        });
    }

    /// Ends this life, which drops the query on its way: the future resolves when its request is closed.
    fn end_life(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = ()> + 'static {
        ctx.stop();
        let query = self.query.take();
        async move {
            if let Some(closed) = query {
                // The sender never sends: it is dropped with the request.
                let _ = closed.await;
            }
        }
    }
}

impl<Q: Query> WatcherActor<Q> {
    /// Leaves the watch and its state to the supervisor.
    fn exit(&mut self, reason: ExitReason) {
        let state = Box::new(std::mem::take(&mut self.state));
        let members = self.shared.take();
        let members = members.map(|members| members as Box<dyn Any + Send>);
        self.reporter.exit(reason, state, members);
    }
}

impl<Q: Query> DeliveryHost for WatcherActor<Q> {
    fn in_flight(&mut self) -> &mut InFlight {
        &mut self.state.in_flight
    }

    fn acknowledged(&mut self, acknowledgement: Acknowledgement, ctx: &mut Context<Self>) {
        let id = acknowledgement.id;
        if !self.state.topic.subscribers.contains_key(id) {
            return self.member_acknowledged(acknowledgement, ctx);
        }
        let WatcherState {
            topic, in_flight, ..
        } = &mut self.state;
        let delivered = topic.acknowledged(acknowledgement, &self.reporter, in_flight);
        self.delivered(id, delivered, ctx);
    }
}

impl<Q: Query> Actor for WatcherActor<Q> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // An ended watcher has nothing to do but to wait until its last address is dropped.
        if self.ended {
            return;
        }
        self.look_up();
        ctx.spawn(DriveDeliveries);
        self.deliver_all(ctx);
        self.resume_members(ctx);
        let pause = self.state.next_attempt.map_or(Duration::ZERO, |at| {
            at.saturating_duration_since(Instant::now())
        });
        if pause.is_zero() {
            self.poll(ctx);
        } else {
            ctx.run_later(pause, Self::poll);
        }
    }
}

impl<Q: Query> Supervised for WatcherActor<Q> {
    fn restarting(&mut self, _: &mut Self::Context) {
        // They ended with the last life.
        self.query = None;
        self.timer = None;
        self.stepping = false;
        if self.handing_over.is_some() {
            return self.hand_over();
        }
        if !self.ended {
            self.reporter.cell.write().status.restarts += 1;
        }
    }
}

/// A watcher that goes without having been ended has panicked, or its arbiter has stopped.
impl<Q: Query> Drop for WatcherActor<Q> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.exit(ExitReason::Panicked);
    }
}
