//! One watcher as its supervisor holds it, whatever the type of its query.

use std::{any::Any, collections::HashMap, sync::Arc, time::Duration};

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    Changed, Query, Source, Subscriber, SubscriptionId, WatcherActor,
    arbiters::Arbiters,
    messages::SubscribeOptions,
    watcher::{End, Link, Restart, Subscribe, Unsubscribe, WatcherState},
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
    /// Starts another watcher in place of one that panicked, from the state it left: the number of its
    /// attempt, and the pause before it.
    fn revive(
        &mut self,
        state: Box<dyn Any + Send>,
        incarnation: u64,
        source: &Arc<S>,
        arbiters: &mut Arbiters,
    ) -> (u32, Duration);
}

/// A watcher of this query, and the subscribers that were promised its updates.
pub(super) struct Watcher<Q: Query> {
    address: Addr<WatcherActor<Q>>,
    /// What its next incarnation is made with.
    link: LinkParts<Q>,
    subscribers: HashMap<SubscriptionId, Registered<Q>>,
    /// The subscription of each actor.
    by_actor: HashMap<u64, SubscriptionId>,
}

struct Registered<Q: Query> {
    subscriber: Subscriber<Changed<Q>>,
    options: SubscribeOptions<Q::Value>,
    actor: u64,
}

/// A [`Link`] without the number of its incarnation.
type LinkParts<Q> = Box<dyn Fn(u64) -> Link<Q>>;

impl<Q: Query> Watcher<Q> {
    pub(super) fn start(
        link: impl Fn(u64) -> Link<Q> + 'static,
        incarnation: u64,
        source: &Arc<Q::Source>,
        arbiters: &mut Arbiters,
        state: WatcherState<Q>,
    ) -> Self {
        let address = launch(link(incarnation), source, arbiters, state);
        Self { address, link: Box::new(link), subscribers: HashMap::new(), by_actor: HashMap::new() }
    }

    pub(super) fn subscription_of(&self, actor: u64) -> Option<SubscriptionId> {
        self.by_actor.get(&actor).copied()
    }

    pub(super) fn subscribe(&mut self, message: Subscribe<Q>, actor: u64) {
        let registered =
            Registered { subscriber: message.subscriber.clone(), options: message.options.clone(), actor };
        self.subscribers.insert(message.id, registered);
        self.by_actor.insert(actor, message.id);
        self.address.do_send(message);
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
    // An arbiter that has stopped refuses everything; one that works takes the first thing it is sent.
    let arbiter = (0..MOST_ARBITERS).map(|_| arbiters.next()).find(|arbiter| arbiter.spawn_fn(|| {}));
    actix::Supervisor::start_in_arbiter(&arbiter.unwrap_or_else(Arbiter::current), watcher)
}

impl<Q: Query> Handle<Q::Source> for Watcher<Q> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn subscriptions(&self) -> Vec<SubscriptionId> {
        self.subscribers.keys().copied().collect()
    }

    fn count(&self) -> usize {
        self.subscribers.len()
    }

    fn dead(&self) -> Vec<SubscriptionId> {
        self.subscribers
            .iter()
            .filter(|(_, registered)| !registered.subscriber.is_connected())
            .map(|(id, _)| *id)
            .collect()
    }

    fn actor(&self, id: SubscriptionId) -> Option<u64> {
        self.subscribers.get(&id).map(|registered| registered.actor)
    }

    fn remove(&mut self, id: SubscriptionId) -> LocalBoxFuture<'static, ()> {
        if let Some(registered) = self.subscribers.remove(&id) {
            self.by_actor.remove(&registered.actor);
        }
        ask(self.address.send(Unsubscribe(id)))
    }

    fn end(&mut self) -> LocalBoxFuture<'static, ()> {
        let (done, closed) = oneshot::channel();
        self.address.do_send(End(done));
        Box::pin(async move {
            // Nothing is ever sent: it is dropped by the watcher, or with the mailbox of a dead one.
            let _ = closed.await;
        })
    }

    fn restart(&mut self, source: Option<Arc<Q::Source>>) -> LocalBoxFuture<'static, ()> {
        ask(self.address.send(Restart(source)))
    }

    fn revive(
        &mut self,
        state: Box<dyn Any + Send>,
        incarnation: u64,
        source: &Arc<Q::Source>,
        arbiters: &mut Arbiters,
    ) -> (u32, Duration) {
        let Ok(mut state) = state.downcast::<WatcherState<Q>>() else {
            unreachable!("equal keys are of equal types")
        };
        let now = Instant::now();
        // What was said to the dead watcher and never read is made up for from what was promised.
        let strangers: Vec<_> =
            state.subscribers.keys().filter(|id| !self.subscribers.contains_key(id)).copied().collect();
        for id in strangers {
            state.unsubscribe(id);
        }
        for (&id, registered) in &self.subscribers {
            if !state.subscribers.contains_key(&id) {
                let (subscriber, options) = (registered.subscriber.clone(), registered.options.clone());
                state.subscribe(Subscribe { id, subscriber, options }, now);
            }
        }
        state.progress.interrupted();
        state.postpone(None);
        let pause = state.next_attempt.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let attempt = state.backoff.attempt();
        self.address = launch((self.link)(incarnation), source, arbiters, *state);
        (attempt, pause)
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
