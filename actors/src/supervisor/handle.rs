//! One watcher as its supervisor holds it, whatever the type of its query.

use std::{any::Any, sync::Arc, time::Duration};

use actix::{ArbiterHandle, prelude::*};
use futures_util::future::LocalBoxFuture;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    Query, Source, SubscriptionId, WatcherActor,
    arbiters::Arbiters,
    covered::{Begin, CoveredActor, ToBranch},
    few::Few,
    link::{Ends, Link},
    supervisor::Why,
    watcher::{End, Registration, Restart, Subscribe, Unsubscribe, WatcherState},
};

/// How often a watcher is given to another arbiter when the one it was given to has stopped.
const MOST_ARBITERS: usize = 64;

/// What a supervisor does with a watcher without knowing its query.
pub(super) trait Handle<S: Source>: Any {
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn subscriptions(&self) -> Vec<SubscriptionId>;
    /// How many subscriptions there are.
    fn count(&self) -> usize;
    /// Subscriptions whose actors are gone.
    fn dead(&self) -> Vec<SubscriptionId>;
    /// The actor of a subscription, as its identity.
    fn actor(&self, id: SubscriptionId) -> Option<u64>;
    fn remove(&mut self, id: SubscriptionId) -> LocalBoxFuture<'static, ()>;
    fn end(&mut self) -> LocalBoxFuture<'static, ()>;
    fn restart(&mut self, source: Option<Arc<S>>) -> LocalBoxFuture<'static, ()>;
    /// Starts a watcher in place of whoever keeps the watch no more, from the state that is left. After a
    /// panic: the number of its attempt, and the pause before it.
    fn revive(
        &mut self,
        state: Box<dyn Any + Send>,
        why: Why,
        incarnation: u64,
        source: &Arc<S>,
        arbiters: &mut Arbiters,
    ) -> Option<(u32, Duration)>;
}

/// A watcher of this query, and the subscribers that were promised its updates.
pub(super) struct Watcher<Q: Query> {
    keeper: Keeper<Q>,
    /// What its next incarnation is made with.
    ends: Arc<Ends<Q>>,
    subscribers: Few<SubscriptionId, Registered<Q>>,
    /// The subscription of each actor.
    by_actor: Few<u64, SubscriptionId>,
}

/// Who keeps a watch.
enum Keeper<Q: Query> {
    /// A watcher of its own.
    Own(Addr<WatcherActor<Q>>),
    /// The actor behind all the watches that a wider one serves; with the number it has there.
    Shared(Arc<Addr<CoveredActor<Q>>>, u64),
}

struct Registered<Q: Query> {
    registration: Arc<Registration<Q>>,
    actor: u64,
}

impl<Q: Query> Watcher<Q> {
    pub(super) fn start(
        ends: Arc<Ends<Q>>,
        incarnation: u64,
        source: &Arc<Q::Source>,
        arbiters: &mut Arbiters,
        state: WatcherState<Q>,
    ) -> Self {
        let link = Link {
            ends: Arc::clone(&ends),
            incarnation,
        };
        Self::new(Keeper::Own(launch(link, source, arbiters, state)), ends)
    }

    /// One that is served by the actor behind others.
    pub(super) fn join(
        ends: Arc<Ends<Q>>,
        incarnation: u64,
        server: Arc<Addr<CoveredActor<Q>>>,
        spare: WatcherState<Q>,
    ) -> Self {
        server.do_send(Begin::new(
            Link {
                ends: Arc::clone(&ends),
                incarnation,
            },
            spare,
        ));
        Self::new(Keeper::Shared(server, incarnation), ends)
    }

    fn new(keeper: Keeper<Q>, ends: Arc<Ends<Q>>) -> Self {
        Self {
            keeper,
            ends,
            subscribers: Few::default(),
            by_actor: Few::default(),
        }
    }

    pub(super) fn subscription_of(&self, actor: u64) -> Option<SubscriptionId> {
        self.by_actor.get(actor).copied()
    }

    pub(super) fn subscribe(&mut self, message: Subscribe<Q>, actor: u64) {
        let registered = Registered {
            registration: Arc::clone(&message.registration),
            actor,
        };
        self.subscribers.insert(message.id, registered);
        self.by_actor.insert(actor, message.id);
        match &self.keeper {
            Keeper::Own(watcher) => watcher.do_send(message),
            Keeper::Shared(server, branch) => server.do_send(ToBranch(*branch, message)),
        }
    }
}

/// Starts a watcher on an arbiter that takes it: the supervisor's own one, if all others have stopped.
fn launch<Q: Query>(
    link: Link<Q>,
    source: &Arc<Q::Source>,
    arbiters: &mut Arbiters,
    state: WatcherState<Q>,
) -> Addr<WatcherActor<Q>> {
    let source = Arc::clone(source);
    let watcher = move |_: &mut Context<WatcherActor<Q>>| WatcherActor::new(link, source, state);
    actix::Supervisor::start_in_arbiter(&working(arbiters), watcher)
}

/// The next arbiter that works, or the supervisor's own one.
pub(super) fn working(arbiters: &mut Arbiters) -> ArbiterHandle {
    // An arbiter that has stopped refuses everything; one that works takes the first thing it is sent.
    let arbiter = (0..MOST_ARBITERS)
        .map(|_| arbiters.next())
        .find(|arbiter| arbiter.spawn_fn(|| {}));
    arbiter.unwrap_or_else(Arbiter::current)
}

impl<Q: Query> Handle<Q::Source> for Watcher<Q> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn subscriptions(&self) -> Vec<SubscriptionId> {
        self.subscribers.keys().collect()
    }

    fn count(&self) -> usize {
        self.subscribers.len()
    }

    fn dead(&self) -> Vec<SubscriptionId> {
        self.subscribers
            .iter()
            .filter(|(_, registered)| !registered.registration.subscriber.is_connected())
            .map(|(id, _)| id)
            .collect()
    }

    fn actor(&self, id: SubscriptionId) -> Option<u64> {
        self.subscribers.get(id).map(|registered| registered.actor)
    }

    fn remove(&mut self, id: SubscriptionId) -> LocalBoxFuture<'static, ()> {
        if let Some(registered) = self.subscribers.remove(id) {
            self.by_actor.remove(registered.actor);
        }
        match &self.keeper {
            Keeper::Own(watcher) => ask(watcher.send(Unsubscribe(id))),
            Keeper::Shared(server, branch) => ask(server.send(ToBranch(*branch, Unsubscribe(id)))),
        }
    }

    fn end(&mut self) -> LocalBoxFuture<'static, ()> {
        let (done, closed) = oneshot::channel();
        match &self.keeper {
            Keeper::Own(watcher) => watcher.do_send(End(done)),
            Keeper::Shared(server, branch) => server.do_send(ToBranch(*branch, End(done))),
        }
        Box::pin(async move {
            // Nothing is ever sent: it is dropped by the watcher, or with the mailbox of a dead one.
            let _ = closed.await;
        })
    }

    fn restart(&mut self, source: Option<Arc<Q::Source>>) -> LocalBoxFuture<'static, ()> {
        match &self.keeper {
            Keeper::Own(watcher) => ask(watcher.send(Restart(source))),
            Keeper::Shared(server, branch) => ask(server.send(ToBranch(*branch, Restart(source)))),
        }
    }

    fn revive(
        &mut self,
        state: Box<dyn Any + Send>,
        why: Why,
        incarnation: u64,
        source: &Arc<Q::Source>,
        arbiters: &mut Arbiters,
    ) -> Option<(u32, Duration)> {
        let Ok(mut state) = state.downcast::<WatcherState<Q>>() else {
            unreachable!("equal keys are of equal types")
        };
        let now = Instant::now();
        // What was said to the one before and never read is made up for from what was promised.
        let strangers: Vec<_> = state
            .feeds
            .subscribers
            .keys()
            .filter(|id| !self.subscribers.contains_key(*id))
            .collect();
        for id in strangers {
            state.unsubscribe(id);
        }
        for (id, registered) in self.subscribers.iter() {
            if !state.feeds.subscribers.contains_key(id) {
                let registration = Arc::clone(&registered.registration);
                state.subscribe(Subscribe { id, registration }, now);
            }
        }
        state.feeds.progress.interrupted();
        let pause = (why == Why::Panicked).then(|| {
            state.postpone(None);
            let pause = state
                .next_attempt
                .map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
            (state.backoff.attempt(), pause)
        });
        let link = Link {
            ends: Arc::clone(&self.ends),
            incarnation,
        };
        self.keeper = Keeper::Own(launch(link, source, arbiters, *state));
        pause
    }
}

/// A watcher that does not answer has panicked: its supervisor is told by other means.
fn ask<A, M>(request: Request<A, M>) -> LocalBoxFuture<'static, ()>
where
    A: Actor + Handler<M>,
    A::Context: actix::dev::ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    Box::pin(async move { drop(request.await) })
}
