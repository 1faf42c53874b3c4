//! The watcher of a derived query: it sends no queries, and subscribes to the watches of its inputs.
//!
//! The known values of the inputs are part of the watcher's state: a watcher that takes over after a panic
//! computes from all of them.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use actix::{fut::wrap_future, prelude::*};
use futures_util::{FutureExt as _, future::join_all};

use super::WatcherActor;
use crate::{
    caught::{Panicked, caught},
    messages::{
        event::{EventKind, WatchEvent},
        stop::Stop,
        subscription_id::SubscriptionId,
        watch_status::WatchState,
    },
    query::{
        Outcome, Position, Query, QueryResponse,
        derived::{Input, InputChanged},
        path::WatchPath,
        watch_key::WatchKey,
    },
    subscription::input::{PendingSubscription, WatchInput},
    topic::report::SupervisorLink,
};

/// The subscriptions of a derived query's watcher to its inputs.
#[derive(Debug, Default)]
pub(super) struct DerivedInputs {
    subscribed: HashMap<WatchKey, InputState>,
    /// An input has changed, and the value is about to be computed.
    stale: bool,
}

/// One input.
#[derive(Debug)]
struct InputState {
    path: WatchPath,
    subscription: PendingSubscription,
    state: WatchState,
}

#[derive(Debug, thiserror::Error)]
#[error("computing a derived value panicked (the panic is on standard error)")]
struct ComputationPanicked;

impl<Q: Query> WatcherActor<Q> {
    /// Subscribes to the inputs as they are now, and computes the value.
    pub(super) fn recompute(&mut self, ctx: &mut Context<Self>) {
        let Some(inputs) = &mut self.inputs else {
            return;
        };
        inputs.stale = false;
        let known = self.state.known_inputs.get_or_insert_default();
        // Its panic must not cost the queries of all inputs.
        let inputs = caught(|| {
            let derived = self.reporter.query.evaluation().derived()?;
            Some(derived.inputs(known))
        });
        match inputs {
            Ok(Some(inputs)) => {
                self.subscribe_to(inputs, ctx);
                self.compute(ctx);
            }
            Ok(None) => {}
            Err(Panicked) => self.reject(Arc::new(ComputationPanicked)),
        }
    }

    /// Recomputes when the messages that have come are read: changes that come together are coalesced.
    fn recompute_soon(&mut self, ctx: &mut Context<Self>) {
        let Some(inputs) = &mut self.inputs else {
            return;
        };
        if !std::mem::replace(&mut inputs.stale, true) {
            let read = wrap_future::<_, Self>(async {});
            ctx.spawn(ActorFutureExt::map(read, |(), watcher, ctx| {
                watcher.recompute(ctx);
            }));
        }
    }

    /// Subscribes to these inputs, and ends the subscriptions to others.
    fn subscribe_to(&mut self, inputs: Vec<Input<Q>>, ctx: &mut Context<Self>) {
        let Some(supervisor) = self.reporter.supervisor.stops.upgrade() else {
            return;
        };
        let Some(current) = &mut self.inputs else {
            return;
        };
        let mut left = std::mem::take(&mut current.subscribed);
        for input in inputs {
            // An input that is named twice counts once (dedup by key).
            if current.subscribed.contains_key(&input.key) {
                continue;
            }
            let subscribed = left.remove(&input.key).unwrap_or_else(|| InputState {
                path: input.path(),
                subscription: subscribe(&input, &self.reporter.supervisor, ctx),
                state: WatchState::Connecting,
            });
            current.subscribed.insert(input.key, subscribed);
        }
        if let Some(known) = &mut self.state.known_inputs {
            known.retain(|key| current.subscribed.contains_key(key));
        }
        for left in left.into_values() {
            // A subscription without its reply yet is stopped when that comes.
            if let Some(Some(id)) = left.subscription.peek() {
                supervisor.do_send(Stop::subscription(*id));
            }
        }
    }

    /// The supervisor has replied with the subscription to an input.
    fn subscribed(&mut self, key: &WatchKey, id: SubscriptionId) {
        let Some(inputs) = &self.inputs else {
            return;
        };
        if inputs.subscribed.contains_key(key) {
            return;
        }
        // It is no input any more.
        if let Some(supervisor) = self.reporter.supervisor.stops.upgrade() {
            supervisor.do_send(Stop::subscription(id));
        }
    }

    /// Ends the subscriptions to all inputs; the future resolves when nothing more comes from them.
    pub(super) fn unsubscribe_all(&mut self) -> impl Future<Output = ()> + 'static + use<Q> {
        let inputs = self.inputs.take().unwrap_or_default();
        let supervisor = self.reporter.supervisor.stops.upgrade();
        async move {
            let Some(supervisor) = supervisor else { return };
            let stop = |input: InputState| async {
                if let Some(id) = input.subscription.await {
                    // A supervisor that has gone has ended its watches itself.
                    let _ = supervisor.send(Stop::subscription(id)).await;
                }
            };
            join_all(inputs.subscribed.into_values().map(stop)).await;
        }
    }

    /// Computes the value from what is known.
    fn compute(&mut self, ctx: &mut Context<Self>) {
        let known = self.state.known_inputs.get_or_insert_default();
        let current = self.state.topic.query_state.current();
        let previous = current.map(|version| &*version.value);
        let computed = caught(|| {
            let derived = self.reporter.query.evaluation().derived()?;
            derived.compute(known, previous)
        });
        let rejected = |Panicked| Some(Outcome::Rejected(Arc::new(ComputationPanicked)));
        let Some(mut outcome) = computed.unwrap_or_else(rejected) else {
            return;
        };
        if !known.are_proven() && previous.is_none() {
            outcome = outcome.into_unproven();
        }
        let answer = QueryResponse {
            // Indexes of several inputs say nothing together but that something moved.
            position: Position::Opaque(known.index()),
            outcome,
            last_contact: None,
        };
        self.apply(answer, false, ctx);
    }

    /// The worst of the inputs' states.
    ///
    /// Among equals the first by name counts, so that the state is stable.
    pub(super) fn state_of_inputs(&self) -> WatchState {
        let inputs = self.inputs.iter();
        let worst = inputs
            .flat_map(|inputs| inputs.subscribed.values())
            .filter_map(|input| Some((severity(&input.state)?, input)))
            .min_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.path.cmp(&other.path)));
        let has_value = self.state.topic.query_state.current().is_some();
        match worst.map(|(_, input)| input.state.clone()) {
            // The derived watch continues with the value it has.
            Some(WatchState::Stopped { error }) if has_value => WatchState::Retrying {
                error,
                attempt: 1,
                next: SystemTime::now(),
            },
            Some(state) => state,
            None if has_value => WatchState::Live,
            None => WatchState::Connecting,
        }
    }
}

/// The severity of a state, 0 being the worst; `None` for no trouble.
fn severity(state: &WatchState) -> Option<u8> {
    match state {
        WatchState::Stopped { .. } => Some(0),
        WatchState::Retrying { .. } => Some(1),
        WatchState::Polling { .. } => Some(2),
        WatchState::Connecting | WatchState::Live => None,
    }
}

/// Subscribes the watcher to an input.
fn subscribe<Q: Query>(
    input: &Input<Q>,
    supervisor: &SupervisorLink,
    ctx: &mut Context<WatcherActor<Q>>,
) -> PendingSubscription {
    let address = ctx.address().downgrade();
    let mut request = WatchInput {
        supervisor: Arc::clone(&supervisor.address),
        subscriber: address.clone().recipient(),
        observer: address.recipient(),
        pending: None,
    };
    input.watch(&mut request);
    let none = || async { None }.boxed_local().shared();
    let pending = request.pending.unwrap_or_else(none);
    let key = input.key.clone();
    let replied = wrap_future::<_, WatcherActor<Q>>(pending.clone());
    ctx.spawn(ActorFutureExt::map(replied, move |id, watcher, _| {
        if let Some(id) = id {
            watcher.subscribed(&key, id);
        }
    }));
    pending
}

/// An input has another value.
impl<Q: Query> Handler<InputChanged> for WatcherActor<Q> {
    type Result = ();

    fn handle(&mut self, changed: InputChanged, ctx: &mut Self::Context) {
        let Some(inputs) = &self.inputs else {
            return;
        };
        if !inputs.subscribed.contains_key(&changed.input) {
            return;
        }
        if changed.resync {
            self.state.topic.query_state.interrupted();
        }
        let known = self.state.known_inputs.get_or_insert_default();
        known.insert(changed);
        self.recompute_soon(ctx);
    }
}

/// Something has happened to an input.
impl<Q: Query> Handler<WatchEvent> for WatcherActor<Q> {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, ctx: &mut Self::Context) {
        let Some(inputs) = &mut self.inputs else {
            return;
        };
        let Some(input) = inputs.subscribed.get_mut(&event.key) else {
            return;
        };
        match event.kind {
            EventKind::State(state) => {
                input.state = state;
                if self.state.topic.rejection.is_some() {
                    // It may have been this input's, which can be read again.
                    self.recompute_soon(ctx);
                }
            }
            EventKind::Rejected(reason) => return self.reject(reason),
            EventKind::SubscriberPanicked { .. } | EventKind::SubscriptionEnded { .. } => {}
            // The watch was stopped, and is still an input.
            EventKind::Ended => {
                inputs.subscribed.remove(&event.key);
                return self.recompute_soon(ctx);
            }
        }
        self.reporter.transition(self.state_of_inputs());
    }
}
