//! One watcher as its supervisor holds it, whatever the type of its query.

use std::{
    any::Any,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use tokio::{sync::oneshot, time::Instant};

use super::{Settings, launch::launch, replies::dropped};
use crate::{
    messages::subscription_id::SubscriptionId,
    query::{Query, Source},
    shared_query::{Joining, SharedQuery, ToMembers},
    subscription::{
        in_flight::InFlight,
        registration::{Registration, Subscribe},
    },
    supervisor::arbiter_pool::ArbiterPool,
    topic::{
        report::ExitReason,
        reporter::{Reporter, WatchMeta},
        state::WatcherState,
    },
    vec_map::VecMap,
    watcher::{
        WatcherActor,
        commands::{End, Restart, Unsubscribe},
        members::HandOver,
    },
};

/// The commands of a supervisor to a watcher whose query it does not know.
pub(super) trait ErasedWatcher<S: Source>: Any {
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn subscriptions(&self) -> Vec<SubscriptionId>;
    /// The number of subscriptions.
    fn count(&self) -> usize;
    /// Subscriptions whose actors are gone.
    fn dead(&self) -> Vec<SubscriptionId>;
    /// The identity of a subscription's actor.
    fn actor(&self, id: SubscriptionId) -> Option<u64>;
    fn remove(&mut self, id: SubscriptionId) -> LocalBoxFuture<'static, ()>;
    fn end(&mut self) -> LocalBoxFuture<'static, ()>;
    fn restart(&mut self, source: Option<Arc<S>>) -> LocalBoxFuture<'static, ()>;
    /// Ends its own watcher, which hands its state over; the future resolves when it has.
    fn hand_over(&self) -> LocalBoxFuture<'static, ()>;
    /// Starts a watcher of its own. After a panic: the number of its attempt, and the pause before it.
    fn respawn(
        &mut self,
        state: Box<dyn Any + Send>,
        members: Option<Box<dyn Any + Send>>,
        reason: ExitReason,
        spawn: &Spawn<'_, S>,
        arbiters: &mut ArbiterPool,
    ) -> Option<(u32, Duration)>;
    /// Makes it a member of a shared query, with the state that its own watcher has handed over.
    fn join(
        &mut self,
        state: Box<dyn Any + Send>,
        host: Arc<Recipient<ToMembers<S>>>,
        incarnation: u64,
    );
    /// Where the members are that its own watcher serves.
    fn members_host(&self) -> Option<Recipient<ToMembers<S>>>;
    /// The updates in flight in a state of its watcher.
    fn in_flight_of<'a>(&self, state: &'a mut (dyn Any + Send)) -> Option<&'a mut InFlight>;
    /// Brings it, as a member, to what was promised to its subscribers.
    fn restore_member(&mut self, shared: &mut SharedQuery<S>, in_flight: &mut InFlight);
    /// Another watcher serves it, as a member.
    fn rehost(&mut self, host: &Arc<Recipient<ToMembers<S>>>);
}

/// The environment that a watcher starts in.
pub(super) struct Spawn<'a, S: Source> {
    pub(super) incarnation: u64,
    pub(super) source: &'a Arc<S>,
    pub(super) settings: &'a Settings,
    /// The time that a member that has detached waits.
    pub(super) delay: Duration,
}

/// A watcher of this query, and the subscribers that were promised its updates.
pub(super) struct WatcherHandle<Q: Query> {
    host: Host<Q>,
    /// The part of the watch that its next incarnation shares.
    meta: Arc<WatchMeta<Q>>,
    subscribers: VecMap<SubscriptionId, Registered<Q>>,
    /// The subscription of each actor.
    by_actor: VecMap<u64, SubscriptionId>,
}

/// The host of a watch.
enum Host<Q: Query> {
    /// A watcher of its own.
    Own(Addr<WatcherActor<Q>>),
    /// The watcher of a wider query, of which it is a member by this number.
    Shared {
        host: Arc<Recipient<ToMembers<Q::Source>>>,
        member: u64,
        /// Its state on the way there, if it had a watcher of its own before.
        joining: Option<Joining<Q>>,
    },
}

struct Registered<Q: Query> {
    registration: Arc<Registration<Q>>,
    actor: u64,
}

impl<Q: Query> WatcherHandle<Q> {
    pub(super) fn start(
        meta: Arc<WatchMeta<Q>>,
        incarnation: u64,
        source: &Arc<Q::Source>,
        arbiters: &mut ArbiterPool,
        state: WatcherState<Q>,
    ) -> Self {
        let link = Reporter {
            meta: Arc::clone(&meta),
            incarnation,
        };
        Self::new(Host::Own(launch(link, source, arbiters, state, None)), meta)
    }

    /// A member of a shared query.
    pub(super) fn member(
        meta: Arc<WatchMeta<Q>>,
        incarnation: u64,
        host: Arc<Recipient<ToMembers<Q::Source>>>,
    ) -> Self {
        let host = add_member(&meta, incarnation, host, None);
        Self::new(host, meta)
    }

    fn new(host: Host<Q>, meta: Arc<WatchMeta<Q>>) -> Self {
        Self {
            host,
            meta,
            subscribers: VecMap::default(),
            by_actor: VecMap::default(),
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
        match &self.host {
            Host::Own(watcher) => watcher.do_send(message),
            Host::Shared { host, member, .. } => {
                let (member, Subscribe { id, registration }) = (*member, message);
                host.do_send(ToMembers::new::<Q>(move |group, host| {
                    group.subscribe(member, id, registration, host.timers);
                }));
            }
        }
    }

    /// Brings the subscribers of a state to those that were promised its updates. Runs no code of an application.
    fn reconcile(&self, state: &mut WatcherState<Q>) {
        let now = Instant::now();
        for id in self.unknown(state.topic.subscribers.keys()) {
            state.unsubscribe(id);
        }
        for (id, registered) in self.subscribers.iter() {
            if !state.topic.subscribers.contains_key(id) {
                let registration = Arc::clone(&registered.registration);
                state.subscribe(Subscribe { id, registration }, now);
            }
        }
    }

    /// The subscriptions among these that have ended.
    fn unknown(&self, ids: impl Iterator<Item = SubscriptionId>) -> Vec<SubscriptionId> {
        ids.filter(|id| !self.subscribers.contains_key(*id))
            .collect()
    }
}

/// Adds a member to a shared query.
fn add_member<Q: Query>(
    meta: &Arc<WatchMeta<Q>>,
    member: u64,
    host: Arc<Recipient<ToMembers<Q::Source>>>,
    joining: Option<Joining<Q>>,
) -> Host<Q> {
    let link = Reporter {
        meta: Arc::clone(meta),
        incarnation: member,
    };
    let state = joining.clone();
    host.do_send(ToMembers::new::<Q>(move |group, host| {
        group.add(link, state.as_ref(), host.timers, host.in_flight);
    }));
    Host::Shared {
        host,
        member,
        joining,
    }
}

impl<Q: Query> ErasedWatcher<Q::Source> for WatcherHandle<Q> {
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
        let (done, ended) = oneshot::channel();
        match &self.host {
            Host::Own(watcher) => watcher.do_send(Unsubscribe(id, done)),
            Host::Shared { host, member, .. } => {
                let member = *member;
                host.do_send(ToMembers::new::<Q>(move |group, host| {
                    group.unsubscribe(member, id, host.timers, host.in_flight);
                    drop(done);
                }));
            }
        }
        dropped(ended)
    }

    fn end(&mut self) -> LocalBoxFuture<'static, ()> {
        let (done, closed) = oneshot::channel();
        match &self.host {
            Host::Own(watcher) => watcher.do_send(End(done)),
            Host::Shared { host, member, .. } => {
                let member = *member;
                host.do_send(ToMembers::new::<Q>(move |group, host| {
                    group.end(member, done, host);
                }));
            }
        }
        dropped(closed)
    }

    fn restart(&mut self, source: Option<Arc<Q::Source>>) -> LocalBoxFuture<'static, ()> {
        match &self.host {
            Host::Own(watcher) => {
                let (done, closed) = oneshot::channel();
                watcher.do_send(Restart(source, done));
                dropped(closed)
            }
            // Its requests are closed with those of the wide watch.
            Host::Shared { .. } => Box::pin(std::future::ready(())),
        }
    }

    fn hand_over(&self) -> LocalBoxFuture<'static, ()> {
        let (done, handed_over) = oneshot::channel();
        if let Host::Own(watcher) = &self.host {
            watcher.do_send(HandOver(done));
        }
        dropped(handed_over)
    }

    fn respawn(
        &mut self,
        state: Box<dyn Any + Send>,
        members: Option<Box<dyn Any + Send>>,
        reason: ExitReason,
        spawn: &Spawn<'_, Q::Source>,
        arbiters: &mut ArbiterPool,
    ) -> Option<(u32, Duration)> {
        let Ok(mut state) = state.downcast::<WatcherState<Q>>() else {
            unreachable!("equal keys are of equal types")
        };
        let mut members: Option<Box<SharedQuery<Q::Source>>> =
            members.and_then(|members| members.downcast().ok());
        self.reconcile(&mut state);
        state.topic.query_state.interrupted();
        let now = Instant::now();
        let mut pause = None;
        match reason {
            ExitReason::Panicked => {
                state.postpone(None);
                if let Some(members) = &mut members {
                    members.panicked();
                }
                let until = state.next_attempt;
                let left = until.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
                pause = Some((state.backoff.attempt(), left));
            }
            ExitReason::Detached(_) => {
                state.backoff = spawn.settings.backoff.clone_reset();
                state.throttle = spawn.settings.throttle.clone();
                state.next_attempt = Some(now + spawn.delay);
            }
            ExitReason::HandedOver => {}
        }
        let link = Reporter {
            meta: Arc::clone(&self.meta),
            incarnation: spawn.incarnation,
        };
        self.host = Host::Own(launch(link, spawn.source, arbiters, *state, members));
        pause
    }

    fn join(
        &mut self,
        state: Box<dyn Any + Send>,
        host: Arc<Recipient<ToMembers<Q::Source>>>,
        incarnation: u64,
    ) {
        let Ok(mut state) = state.downcast::<WatcherState<Q>>() else {
            unreachable!("equal keys are of equal types")
        };
        self.reconcile(&mut state);
        state.topic.query_state.interrupted();
        let joining = Some(Arc::new(Mutex::new(Some(state))));
        self.host = add_member(&self.meta, incarnation, host, joining);
    }

    fn members_host(&self) -> Option<Recipient<ToMembers<Q::Source>>> {
        match &self.host {
            Host::Own(watcher) => Some(watcher.clone().recipient()),
            Host::Shared { .. } => None,
        }
    }

    fn in_flight_of<'a>(&self, state: &'a mut (dyn Any + Send)) -> Option<&'a mut InFlight> {
        let state = state.downcast_mut::<WatcherState<Q>>()?;
        Some(&mut state.in_flight)
    }

    fn restore_member(&mut self, shared: &mut SharedQuery<Q::Source>, in_flight: &mut InFlight) {
        let Host::Shared {
            member, joining, ..
        } = &self.host
        else {
            return;
        };
        let (number, timers) = (*member, &mut shared.timers);
        let group = shared.groups.of::<Q>();
        if !group.contains(number) {
            let link = Reporter {
                meta: Arc::clone(&self.meta),
                incarnation: number,
            };
            group.add(link, joining.as_ref(), timers, in_flight);
        }
        let found = group.subscriptions(number);
        for id in self.unknown(found.iter().copied()) {
            group.unsubscribe(number, id, timers, in_flight);
        }
        for (id, registered) in self.subscribers.iter() {
            if !found.contains(&id) {
                let registration = Arc::clone(&registered.registration);
                group.subscribe(number, id, registration, timers);
            }
        }
    }

    fn rehost(&mut self, new: &Arc<Recipient<ToMembers<Q::Source>>>) {
        if let Host::Shared { host, .. } = &mut self.host {
            *host = Arc::clone(new);
        }
    }
}
