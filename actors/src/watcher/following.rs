//! A watcher of a derived query: it asks nobody, and follows other watchers.

use std::{any::Any, collections::HashMap, sync::Arc, time::SystemTime};

use actix::{fut::wrap_future, prelude::*};
use futures_util::future::join_all;

use super::WatcherActor;
use crate::{
    Answer, Changed, EventKind, Inputs, Position, Query, Stop, SubscriptionId, WatchEvent, WatchPath,
    WatchState, key::WatchKey,
};

/// What a watcher of a derived query follows.
#[derive(Debug, Default)]
pub(super) struct Following {
    inputs: Inputs,
    followed: HashMap<WatchKey, Followed>,
}

/// One input.
#[derive(Debug)]
struct Followed {
    path: WatchPath,
    /// Its subscription, once the supervisor has told.
    id: Option<SubscriptionId>,
    state: WatchState,
}

impl<Q: Query> WatcherActor<Q> {
    /// Follows the inputs it should, and lets the others go.
    pub(super) fn follow(&mut self, ctx: &mut Context<Self>) {
        let Some(supervisor) = self.link.supervisor.upgrade() else { return };
        let (Some(derivation), Some(following)) = (self.link.query.derivation(), &mut self.following) else {
            return;
        };
        let mut left = std::mem::take(&mut following.followed);
        for input in derivation.inputs(&following.inputs) {
            let key = input.key.clone();
            let followed = left.remove(&key).unwrap_or_else(|| {
                let key = key.clone();
                let request = input.follow(&supervisor, ctx.address().downgrade());
                ctx.spawn(wrap_future::<_, Self>(request).map(move |answer, watcher, _| {
                    if let Ok(Ok(id)) = answer {
                        watcher.followed(&key, id);
                    }
                }));
                Followed { path: input.path.clone(), id: None, state: WatchState::Connecting }
            });
            following.followed.insert(key, followed);
        }
        for (key, followed) in left {
            following.inputs.remove(&key);
            if let Some(id) = followed.id {
                supervisor.do_send(Stop::subscription(id));
            }
        }
    }

    /// The supervisor has told an input's subscription.
    fn followed(&mut self, key: &WatchKey, id: SubscriptionId) {
        let known = self.following.as_mut().and_then(|following| following.followed.get_mut(key));
        match (known, self.link.supervisor.upgrade()) {
            (Some(followed), _) => followed.id = Some(id),
            // It was let go in the meantime.
            (None, Some(supervisor)) => supervisor.do_send(Stop::subscription(id)),
            (None, None) => {}
        }
    }

    /// Lets all inputs go; the future resolves when nothing of them comes any more.
    pub(super) fn let_go(&mut self) -> impl Future<Output = ()> + 'static + use<Q> {
        let ids: Vec<_> = self
            .following
            .take()
            .into_iter()
            .flat_map(|following| following.followed.into_values())
            .filter_map(|followed| followed.id)
            .collect();
        let supervisor = self.link.supervisor.upgrade();
        async move {
            if let Some(supervisor) = supervisor {
                join_all(ids.into_iter().map(|id| supervisor.send(Stop::subscription(id)))).await;
            }
        }
    }

    /// Makes the value anew from what is known.
    pub(super) fn derive(&mut self, ctx: &mut Context<Self>) {
        let (Some(derivation), Some(following)) = (self.link.query.derivation(), &self.following) else {
            return;
        };
        let previous = self.state.progress.current().map(|version| Arc::clone(&version.value));
        let Some(outcome) = derivation.derive(&following.inputs, previous.as_deref()) else { return };
        // Indexes of several inputs say nothing together but that something moved.
        let position = Position::Opaque(following.inputs.index());
        self.take_in(Answer { position, outcome, last_contact: None }, false, ctx);
    }

    /// The state that the inputs' states come to: the first trouble there is, else live.
    pub(super) fn state_of_inputs(&self) -> WatchState {
        let states = || self.following.iter().flat_map(|following| following.followed.values());
        let find = |wanted: fn(&WatchState) -> bool| states().find(|followed| wanted(&followed.state));
        let trouble = find(|state| matches!(state, WatchState::Stopped { .. } | WatchState::Retrying { .. }))
            .or_else(|| find(|state| matches!(state, WatchState::Waiting { .. })));
        match trouble.map(|followed| followed.state.clone()) {
            // An input that can never be answered may be mended while the others go on.
            Some(WatchState::Stopped { error }) => {
                WatchState::Retrying { error, attempt: 1, next: SystemTime::now() }
            }
            Some(state) => state,
            None if self.state.progress.current().is_some() => WatchState::Live,
            None => WatchState::Connecting,
        }
    }
}

/// An input has another value.
impl<Q: Query, I: Query<Source = Q::Source>> Handler<Changed<I>> for WatcherActor<Q> {
    type Result = ();

    fn handle(&mut self, changed: Changed<I>, ctx: &mut Self::Context) {
        let Some(following) = &mut self.following else { return };
        let key = WatchKey::of(&*changed.query);
        if !following.followed.contains_key(&key) {
            return;
        }
        following.inputs.insert(key, changed.current as Arc<dyn Any + Send + Sync>, changed.index);
        self.follow(ctx);
        self.derive(ctx);
    }
}

/// Something has happened to an input.
impl<Q: Query> Handler<WatchEvent> for WatcherActor<Q> {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, ctx: &mut Self::Context) {
        let Some(following) = &mut self.following else { return };
        let Some((key, followed)) =
            following.followed.iter_mut().find(|(_, followed)| followed.path == event.path)
        else {
            return;
        };
        match event.kind {
            EventKind::State(state) => followed.state = state,
            EventKind::Rejected(reason) => return self.reject(reason),
            // Somebody stopped the watch; what is made of it still needs it.
            EventKind::Ended => {
                let key = key.clone();
                following.followed.remove(&key);
                self.follow(ctx);
                return;
            }
        }
        self.transition(self.state_of_inputs());
    }
}
