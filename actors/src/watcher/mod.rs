//! The actor that watches one path.

mod orders;
mod state;

use std::{
    any::Any,
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task,
    time::{Duration, SystemTime},
};

use actix::{WeakAddr, prelude::*};
use tokio::{sync::oneshot, time::Instant};

pub(crate) use self::{
    orders::{End, Restart, Subscribe, Unsubscribe},
    state::WatcherState,
};
use crate::{
    Answer, Changed, Failure, FailureClass, Query, Source, SubscriptionId, View, WatchPath, WatchState,
    WatchSupervisor,
    key::WatchKey,
    progress::Step,
    snapshots::Slot,
    subscription::{Delivery, Next},
    supervisor::{Died, Report, ReportKind},
};

/// An answer without news that took less than this is a wake-up for nothing, not the end of a wait.
const EARLY: Duration = Duration::from_secs(1);

type Item<Q> = <<Q as Query>::Value as crate::Snapshot>::Item;

/// Watches one path: runs one query after the other and feeds its subscribers.
///
/// Only [`WatchSupervisor`] starts one, under an [`actix::Supervisor`]. An error stops its context,
/// which the supervisor starts again; the pause before the next attempt is scheduled in
/// [`started`](Actor::started). It is public to be named in traces and types, not to be made.
pub struct WatcherActor<Q: Query> {
    link: Link<Q>,
    source: Arc<Q::Source>,
    state: WatcherState<Q>,
    client: Option<<Q::Source as Source>::Client>,
    /// The query on its way, and the word that it has been dropped.
    query: Option<(SpawnHandle, oneshot::Receiver<()>)>,
    /// The earliest time at which a subscription wants to be looked at again.
    timer: Option<(Instant, SpawnHandle)>,
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
        Self { link, source, state, client: None, query: None, timer: None, ended: false }
    }

    /// Sends the next query as soon as the throttle allows it.
    fn ask(&mut self, ctx: &mut Context<Self>) {
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
            Ok(client) => self.client.insert(client),
            Err(failure) => return self.failed(failure, ctx),
        };
        let request = self.state.progress.request();
        let blocking = self.state.progress.is_blocking();
        let sent = Instant::now();
        let query = self.link.query.run(client, request);
        let (guard, closed) = oneshot::channel::<()>();
        let query = async move {
            // Dropped after the query itself: by then its request is closed.
            let _guard = guard;
            query.await
        };
        let handle = ctx.spawn(query.into_actor(self).map(move |answer, watcher, ctx| {
            watcher.query = None;
            match answer {
                Ok(answer) => watcher.answered(answer, blocking && sent.elapsed() < EARLY, ctx),
                Err(failure) => watcher.failed(failure, ctx),
            }
        }));
        self.query = Some((handle, closed));
    }

    fn answered(&mut self, answer: Answer<Q::Value>, early: bool, ctx: &mut Context<Self>) {
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
                self.link.slot.write().value = Some(Arc::clone(&version.value) as Arc<dyn Any + Send + Sync>);
                self.transition(WatchState::Live);
                for subscribed in self.state.subscribers.values_mut() {
                    subscribed.feed.offer(&version, resync, now);
                }
                self.pump_all(ctx);
            }
            Step::NoNews => {
                if early {
                    self.state.throttle.fruitless();
                }
                self.state.rejection = None;
                self.transition(WatchState::Live);
            }
            Step::Rejected(reason) => {
                self.transition(WatchState::Live);
                self.reject(reason);
            }
        }
        self.ask(ctx);
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

    /// Ends this life of the actor; the supervisor starts the next one, which waits out the pause.
    fn failed(&mut self, failure: Failure, ctx: &mut Context<Self>) {
        self.state.progress.interrupted();
        if failure.class() == FailureClass::Invalid {
            self.state.halted = true;
            self.transition(WatchState::Stopped { error: failure });
            return;
        }
        self.state.postpone(failure.pause());
        let pause = self.state.next_attempt.map_or(Duration::ZERO, |at| at - Instant::now());
        self.transition(WatchState::Retrying {
            error: failure,
            attempt: self.state.backoff.attempt(),
            next: SystemTime::now() + pause,
        });
        ctx.stop();
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
        match subscribed.feed.next(Instant::now()) {
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
        if let Some((at, handle)) = self.timer {
            if at <= due {
                return;
            }
            ctx.cancel_future(handle);
        }
        let handle = ctx.run_later(due - Instant::now(), |watcher, ctx| {
            watcher.timer = None;
            watcher.pump_all(ctx);
        });
        self.timer = Some((due, handle));
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

    /// Drops the query on its way; the receiver resolves when its request is closed.
    fn cancel_query(&mut self, ctx: &mut Context<Self>) -> Option<oneshot::Receiver<()>> {
        let (handle, closed) = self.query.take()?;
        ctx.cancel_future(handle);
        Some(closed)
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
        // Handles of the last life would name futures of the next one.
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
