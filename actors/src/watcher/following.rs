//! A watcher of a derived query: it asks nobody, and follows other watchers.

use std::{
    any::Any,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::SystemTime,
};

use actix::{fut::wrap_future, prelude::*};
use futures_util::future::join_all;

use super::WatcherActor;
use crate::{
    Answer, Changed, EventKind, Input, Inputs, Outcome, Position, Query, Reason, Stop,
    SubscriptionId, WatchEvent, WatchPath, WatchState, WatchSupervisor, derive::Asked,
    key::WatchKey,
};

/// What a watcher of a derived query follows.
#[derive(Debug, Default)]
pub(super) struct Following {
    inputs: Inputs,
    followed: HashMap<WatchKey, Followed>,
    /// An input has changed, and the value is about to be made anew.
    stale: bool,
}

/// One input.
#[derive(Debug)]
struct Followed {
    path: WatchPath,
    subscription: Asked,
    state: WatchState,
}

#[derive(Debug, thiserror::Error)]
#[error("the derivation has panicked (its message is on standard error)")]
struct DerivationPanicked;

impl<Q: Query> WatcherActor<Q> {
    /// Follows what is to be followed now, and makes the value of it.
    pub(super) fn remake(&mut self, ctx: &mut Context<Self>) {
        let (Some(derivation), Some(following)) =
            (self.link.query.derivation(), &mut self.following)
        else {
            return;
        };
        following.stale = false;
        // A derivation does not know what its panic would cost: the queries of all its inputs.
        let Ok(inputs) = catch_unwind(AssertUnwindSafe(|| derivation.inputs(&following.inputs)))
        else {
            return self.reject(Arc::new(DerivationPanicked));
        };
        self.follow(inputs, ctx);
        self.derive(ctx);
    }

    /// Does so when the messages that have come are read: what changed together is derived once.
    fn remake_soon(&mut self, ctx: &mut Context<Self>) {
        let Some(following) = &mut self.following else {
            return;
        };
        if !std::mem::replace(&mut following.stale, true) {
            let read = wrap_future::<_, Self>(async {});
            ctx.spawn(ActorFutureExt::map(read, |(), watcher, ctx| {
                watcher.remake(ctx);
            }));
        }
    }

    /// Follows the inputs it should, and lets the others go.
    fn follow(&mut self, inputs: Vec<Input<Q>>, ctx: &mut Context<Self>) {
        let Some(supervisor) = self.link.supervisor.upgrade() else {
            return;
        };
        let Some(following) = &mut self.following else {
            return;
        };
        let mut left = std::mem::take(&mut following.followed);
        for input in inputs {
            // Named twice is followed once.
            if following.followed.contains_key(&input.key) {
                continue;
            }
            let followed = left.remove(&input.key).unwrap_or_else(|| Followed {
                path: input.path(),
                subscription: subscribe(&input, &supervisor, ctx),
                state: WatchState::Connecting,
            });
            following.followed.insert(input.key, followed);
        }
        for (key, followed) in left {
            following.inputs.remove(&key);
            // One that is not told yet is stopped when it is.
            if let Some(Some(id)) = followed.subscription.peek() {
                supervisor.do_send(Stop::subscription(*id));
            }
        }
    }

    /// The supervisor has told an input's subscription.
    fn told(&mut self, key: &WatchKey, id: SubscriptionId) {
        let Some(following) = &self.following else {
            return;
        };
        if following.followed.contains_key(key) {
            return;
        }
        // It was let go in the meantime.
        if let Some(supervisor) = self.link.supervisor.upgrade() {
            supervisor.do_send(Stop::subscription(id));
        }
    }

    /// Lets all inputs go; the future resolves when nothing of them comes any more.
    pub(super) fn let_go(&mut self) -> impl Future<Output = ()> + 'static + use<Q> {
        let followed = self
            .following
            .take()
            .map(|following| following.followed)
            .unwrap_or_default();
        let supervisor = self.link.supervisor.upgrade();
        async move {
            let Some(supervisor) = supervisor else { return };
            let stop = |followed: Followed| async {
                if let Some(id) = followed.subscription.await {
                    // A supervisor that has gone has ended its watches itself.
                    let _ = supervisor.send(Stop::subscription(id)).await;
                }
            };
            join_all(followed.into_values().map(stop)).await;
        }
    }

    /// Makes the value anew from what is known.
    fn derive(&mut self, ctx: &mut Context<Self>) {
        let (Some(derivation), Some(following)) = (self.link.query.derivation(), &self.following)
        else {
            return;
        };
        let previous = self
            .state
            .feeds
            .progress
            .current()
            .map(|version| Arc::clone(&version.value));
        let derived = catch_unwind(AssertUnwindSafe(|| {
            derivation.derive(&following.inputs, previous.as_deref())
        }));
        let Some(outcome) =
            derived.unwrap_or_else(|_| Some(Outcome::Rejected(Arc::new(DerivationPanicked))))
        else {
            return;
        };
        // Indexes of several inputs say nothing together but that something moved.
        let position = Position::Opaque(following.inputs.index());
        self.take_in(
            Answer {
                position,
                outcome,
                last_contact: None,
            },
            false,
            ctx,
        );
    }

    /// The state that the inputs' states come to: the worst there is.
    ///
    /// Among equals the first by name counts, so that it does not change by itself.
    pub(super) fn state_of_inputs(&self) -> WatchState {
        let followed = self
            .following
            .iter()
            .flat_map(|following| following.followed.values());
        let worst = followed
            .filter_map(|followed| Some((severity(&followed.state)?, followed)))
            .min_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.path.cmp(&other.path)));
        let has_value = self.state.feeds.progress.current().is_some();
        match worst.map(|(_, followed)| followed.state.clone()) {
            // What is made of it goes on with what it has.
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

/// How bad a state is, 0 being the worst; `None` for no trouble.
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
    supervisor: &Addr<WatchSupervisor<Q::Source>>,
    ctx: &mut Context<WatcherActor<Q>>,
) -> Asked {
    let asked = input.follow(supervisor, ctx.address().downgrade());
    let key = input.key.clone();
    let told = wrap_future::<_, WatcherActor<Q>>(asked.clone());
    ctx.spawn(ActorFutureExt::map(told, move |id, watcher, _| {
        if let Some(id) = id {
            watcher.told(&key, id);
        }
    }));
    asked
}

/// An input has another value.
impl<Q: Query, I: Query<Source = Q::Source>> Handler<Changed<I>> for WatcherActor<Q> {
    type Result = ();

    fn handle(&mut self, changed: Changed<I>, ctx: &mut Self::Context) {
        let Some(following) = &mut self.following else {
            return;
        };
        let key = WatchKey::of(&*changed.query);
        if !following.followed.contains_key(&key) {
            return;
        }
        following.inputs.insert(
            key,
            changed.current as Arc<dyn Any + Send + Sync>,
            changed.index,
        );
        if changed.reason == Reason::Resync {
            self.state.feeds.progress.interrupted();
        }
        self.remake_soon(ctx);
    }
}

/// Something has happened to an input.
impl<Q: Query> Handler<WatchEvent> for WatcherActor<Q> {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, ctx: &mut Self::Context) {
        let Some(following) = &mut self.following else {
            return;
        };
        let Some(followed) = following.followed.get_mut(&event.key) else {
            return;
        };
        match event.kind {
            EventKind::State(state) => {
                followed.state = state;
                if self.state.feeds.rejection.is_some() {
                    // It may have been this input's, which can be read again.
                    self.remake_soon(ctx);
                }
            }
            EventKind::Rejected(reason) => return self.reject(reason),
            EventKind::SubscriberPanicked { .. } | EventKind::SubscriptionEnded { .. } => {}
            // Somebody stopped the watch; what is made of it still needs it.
            EventKind::Ended => {
                following.followed.remove(&event.key);
                return self.remake_soon(ctx);
            }
        }
        self.link.transition(self.state_of_inputs());
    }
}
