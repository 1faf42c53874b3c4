//! The actor that watches one path.

mod asking;
mod following;
mod guarded;
mod orders;
mod state;

use std::{
    any::Any,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task,
    time::{Duration, SystemTime},
};

use actix::{WeakAddr, prelude::*};
use tokio::{sync::oneshot, time::Instant};

use self::following::Following;
pub(crate) use self::{
    orders::{End, Restart, Subscribe, Unsubscribe},
    state::WatcherState,
};
use crate::{
    Answer, Changed, Guard, Places, Query, Source, SubscriptionId, View, WatchPath, WatchState, WatchSupervisor,
    key::WatchKey,
    places::Seat,
    progress::Step,
    snapshots::Slot,
    subscription::{Delivery, Next},
    supervisor::{Died, Report, ReportKind},
};

type Item<Q> = <<Q as Query>::Value as crate::Snapshot>::Item;

/// Watches one path: runs one query after the other and feeds its subscribers.
///
/// Only [`WatchSupervisor`] starts one, under an [`actix::Supervisor`]. An error stops its context,
/// which the supervisor starts again; the pause before the next attempt is scheduled in
/// [`started`](Actor::started). It is public to be named in traces and types, not to be made.
pub struct WatcherActor<Q: Query> {
    link: Link<Q>,
    source: Arc<Q::Source>,
    /// The source's budget, looked up once and not with every answer.
    places: Option<Places>,
    /// The source's guard, likewise.
    guard: Option<Guard>,
    state: WatcherState<Q>,
    client: Option<<Q::Source as Source>::Client>,
    /// A query is on its way; with the word that it has been dropped.
    ///
    /// Nothing here is cancelled by its `SpawnHandle`: a context that is started again counts its handles
    /// from the beginning, and what was cancelled in the last life would be cancelled in the next one too.
    query: Option<oneshot::Receiver<()>>,
    /// The earliest time at which a subscription wants to be looked at again.
    timer: Option<Instant>,
    /// What it asks on between two queries, if places are counted.
    seat: Option<Seat>,
    /// What it follows, if its query is a derived one.
    following: Option<Following>,
    ended: bool,
}

impl<Q: Query> fmt::Debug for WatcherActor<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatcherActor")
            .field("path", &self.link.path)
            .field("state", &self.state)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// What ties a watcher to its supervisor.
pub(crate) struct Link<Q: Query> {
    pub(crate) key: WatchKey,
    pub(crate) path: WatchPath,
    pub(crate) query: Arc<Q>,
    pub(crate) slot: Arc<Slot>,
    /// Tells this watcher from the one it replaced.
    pub(crate) incarnation: u64,
    pub(crate) supervisor: WeakAddr<WatchSupervisor<Q::Source>>,
}

impl<Q: Query> WatcherActor<Q> {
    pub(crate) fn new(link: Link<Q>, source: Arc<Q::Source>, state: WatcherState<Q>) -> Self {
        let following = link.query.derivation().map(|_| Following::default());
        Self {
            link,
            places: source.places(),
            guard: source.guard(),
            source,
            state,
            client: None,
            query: None,
            timer: None,
            seat: None,
            following,
            ended: false,
        }
    }

    /// Takes an answer in, and sends subscribers what it brought.
    fn take_in(&mut self, answer: Answer<Q::Value>, early: bool, ctx: &mut Context<Self>) {
        let now = Instant::now();
        self.state.backoff.succeeded(now);
        self.state.next_attempt = None;
        {
            let mut slot = self.link.slot.write();
            slot.status.index = answer.position.index();
            slot.status.last_contact = answer.last_contact;
            slot.status.last_answer = Some(SystemTime::now());
        }
        match self.state.progress.step(answer) {
            Step::News(version, resync) => {
                self.state.throttle.fruitful();
                self.state.rejection = None;
                // Readable before it is delivered, so that a handler never reads an older value.
                let value = Arc::clone(&version.value) as Arc<dyn Any + Send + Sync>;
                let first = self.link.slot.write().value.replace(value).is_none();
                self.transition(self.good_state());
                if first {
                    self.report(ReportKind::FirstValue);
                }
                for subscribed in self.state.subscribers.values_mut() {
                    subscribed.feed.offer(&version, resync, now);
                }
                self.pump_all(ctx);
            }
            Step::NoNews => {
                self.fruitless(early);
                self.state.rejection = None;
                self.transition(self.good_state());
            }
            Step::Rejected(reason) => {
                self.fruitless(early);
                self.transition(self.good_state());
                self.reject(reason);
            }
        }
    }

    /// The state after a good answer.
    fn good_state(&self) -> WatchState {
        match (&self.following, &self.seat, &self.places) {
            (Some(_), ..) => self.state_of_inputs(),
            (None, Some(Seat::Waiting(_)), Some(places)) => WatchState::Waiting { places: places.count() },
            _ => WatchState::Live,
        }
    }

    /// An answer without news: one that nobody had to wait for is what a hot loop is made of.
    fn fruitless(&mut self, early: bool) {
        if early {
            self.state.throttle.fruitless();
        }
    }

    fn reject(&mut self, reason: Arc<dyn Error + Send + Sync>) {
        let text = reason.to_string();
        if self.state.rejection.as_ref() == Some(&text) {
            return;
        }
        tracing::warn!(path = %self.link.path, reason = %text, "the value cannot be read, the last good one stays");
        self.state.rejection = Some(text);
        self.report(ReportKind::Rejected(reason));
    }

    fn transition(&self, next: WatchState) {
        let news = {
            let mut slot = self.link.slot.write();
            let news = slot.status.state.is_news(&next);
            slot.status.state = next.clone();
            news
        };
        if !news {
            return;
        }
        let path = &self.link.path;
        match &next {
            WatchState::Retrying { error, .. } => {
                tracing::warn!(%path, class = %error.class(), error = %error, "the watch is interrupted and will be retried");
            }
            WatchState::Stopped { error } => {
                tracing::error!(%path, error = %error, "the watch can never be answered and has stopped");
            }
            WatchState::Live => tracing::info!(%path, "the watch is live"),
            WatchState::Waiting { places } => tracing::debug!(%path, places, "the watch waits for a place"),
            WatchState::Connecting => tracing::debug!(%path, "the watch connects"),
        }
        self.report(ReportKind::State(next));
    }

    fn report(&self, kind: ReportKind) {
        if let Some(supervisor) = self.link.supervisor.upgrade() {
            supervisor.do_send(Report {
                key: self.link.key.clone(),
                incarnation: self.link.incarnation,
                kind,
            });
        }
    }

    /// Sends every subscriber what it is owed.
    fn pump_all(&mut self, ctx: &mut Context<Self>) {
        let ids: Vec<_> = self.state.subscribers.keys().copied().collect();
        for id in ids {
            self.pump(id, ctx);
        }
    }

    /// Sends one subscriber what it is owed.
    fn pump(&mut self, id: SubscriptionId, ctx: &mut Context<Self>) {
        let Some(subscribed) = self.state.subscribers.get_mut(&id) else { return };
        let now = Instant::now();
        // A view is the subscriber's own code: its panic must not reach those it shares the watcher with.
        let next = catch_unwind(AssertUnwindSafe(|| subscribed.feed.next(now))).unwrap_or_else(|_| {
            tracing::error!(path = %self.link.path, subscription = %id, "the subscriber's view has panicked, it is asked again later");
            subscribed.feed.stumbled(now)
        });
        match next {
            Next::Idle => {}
            Next::Wait(due) => self.look_again(due, ctx),
            Next::Deliver(delivery) => {
                let changed = changed(&self.link.query, id, &subscribed.view, delivery);
                match subscribed.subscriber.send(changed) {
                    Some(request) => self.state.deliveries.push(id, request),
                    None => self.gone(id),
                }
            }
        }
    }

    fn look_again(&mut self, due: Instant, ctx: &mut Context<Self>) {
        if self.timer.is_some_and(|at| at <= due) {
            return;
        }
        self.timer = Some(due);
        // A later timer that this one goes ahead of looks once for nothing.
        ctx.run_later(due - Instant::now(), move |watcher, ctx| {
            watcher.timer = watcher.timer.filter(|at| *at != due);
            watcher.pump_all(ctx);
        });
    }

    /// A subscriber has answered, or its mailbox has.
    fn settled(&mut self, id: SubscriptionId, answer: Result<(), MailboxError>, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let Some(subscribed) = self.state.subscribers.get_mut(&id) else { return };
        match answer {
            Ok(()) => subscribed.feed.acknowledged(now),
            // Its actor was restarted in the middle, or is about to be found gone.
            Err(_) if subscribed.subscriber.is_connected() => subscribed.feed.lost(now),
            Err(_) => return self.gone(id),
        }
        self.pump(id, ctx);
    }

    fn gone(&mut self, id: SubscriptionId) {
        tracing::debug!(path = %self.link.path, subscription = %id, "the subscriber is gone");
        self.state.unsubscribe(id);
        self.report(ReportKind::SubscriberGone(id));
    }

    /// Ends this life, which drops the query on its way: the future resolves when its request is closed.
    fn end_life(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = ()> + 'static {
        ctx.stop();
        let query = self.query.take();
        async move {
            if let Some(closed) = query {
                // The guard never sends: it is dropped with the request.
                let _ = closed.await;
            }
        }
    }
}

fn changed<Q: Query>(
    query: &Arc<Q>,
    subscription: SubscriptionId,
    view: &Arc<View<Item<Q>>>,
    delivery: Delivery<Q::Value>,
) -> Changed<Q> {
    Changed {
        query: Arc::clone(query),
        subscription,
        index: delivery.current.index,
        previous_index: delivery.previous.as_ref().map(|version| version.index),
        previous: delivery.previous.map(|version| version.value),
        current: delivery.current.value,
        reason: delivery.reason,
        folded: delivery.folded,
        view: Arc::clone(view),
    }
}

impl<Q: Query> Actor for WatcherActor<Q> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // An ended watcher has nothing to do but to wait until its last address is dropped.
        if self.ended {
            return;
        }
        ctx.spawn(Acknowledgements);
        self.pump_all(ctx);
        let pause =
            self.state.next_attempt.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        if pause.is_zero() {
            self.ask(ctx);
        } else {
            ctx.run_later(pause, Self::ask);
        }
    }
}

impl<Q: Query> Supervised for WatcherActor<Q> {
    fn restarting(&mut self, _: &mut Self::Context) {
        // They ended with the last life.
        self.query = None;
        self.timer = None;
        if !self.ended {
            self.link.slot.write().status.restarts += 1;
        }
    }
}

/// A watcher that goes without having been ended has panicked, or its arbiter has stopped.
impl<Q: Query> Drop for WatcherActor<Q> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if let Some(supervisor) = self.link.supervisor.upgrade() {
            supervisor.do_send(Died {
                key: self.link.key.clone(),
                incarnation: self.link.incarnation,
                state: Box::new(std::mem::take(&mut self.state)),
            });
        }
    }
}

/// Takes in what subscribers answer.
struct Acknowledgements;

impl<Q: Query> ActorFuture<WatcherActor<Q>> for Acknowledgements {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        watcher: &mut WatcherActor<Q>,
        ctx: &mut Context<WatcherActor<Q>>,
        task: &mut task::Context<'_>,
    ) -> task::Poll<()> {
        while let task::Poll::Ready((id, answer)) = watcher.state.deliveries.poll_answer(task) {
            watcher.settled(id, answer, ctx);
        }
        task::Poll::Pending
    }
}
