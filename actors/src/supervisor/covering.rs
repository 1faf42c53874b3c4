//! Watches that are served by wider ones.

use std::{
    any::{Any, TypeId},
    sync::Arc,
};

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

use super::{Entry, handle::working};
use crate::{
    EventKind, Input, Query, Source, WatchState, WatchSupervisor,
    covered::{Cover, CoveredActor, Finish, Follow, Renew, Uncover},
    key::WatchKey,
    snapshots::Slot,
};

/// The covered watches of one type behind one wider watch.
pub(super) struct Covering<S: Source> {
    cover: Arc<Cover>,
    members: usize,
    pub(super) server: Box<dyn Server<S>>,
}

/// By which watch one is served, and by which actor.
type Served<Q> = (Arc<Cover>, Arc<Addr<CoveredActor<Q>>>);

/// The actor behind them, whatever the type of their queries.
pub(super) trait Server<S: Source>: Any {
    fn as_any(&self) -> &dyn Any;
    fn follow(&self);
    fn renew(&self, source: Arc<S>);
    fn uncover(&self);
    fn finish(&self) -> LocalBoxFuture<'static, ()>;
}

impl<Q: Query> Server<Q::Source> for Arc<Addr<CoveredActor<Q>>> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn follow(&self) {
        self.do_send(Follow);
    }

    fn renew(&self, source: Arc<Q::Source>) {
        self.do_send(Renew(source));
    }

    fn uncover(&self) {
        self.do_send(Uncover);
    }

    fn finish(&self) -> LocalBoxFuture<'static, ()> {
        let (done, finished) = oneshot::channel();
        self.do_send(Finish(done));
        Box::pin(async move {
            // Nothing is ever sent: it is dropped by the actor, or with the mailbox of a dead one.
            let _ = finished.await;
        })
    }
}

impl<S: Source> WatchSupervisor<S> {
    /// Who serves a watch that one of these covers, if one of them is running or declared.
    pub(super) fn cover_of<Q: Query<Source = S>>(
        &mut self,
        wider: Vec<Input<Q>>,
        ctx: &mut Context<Self>,
    ) -> Option<Served<Q>> {
        let covering = wider.into_iter().find(|input| self.may_serve(&input.key))?;
        let key = covering.key.clone();
        let kind = TypeId::of::<Q>();
        let slot = self.entries.get(&key).map(|entry| Arc::clone(&entry.slot));
        let servers = self.coverings.entry(key.clone()).or_default();
        // One that has panicked is still there until the last that it served is heard of.
        let running = servers
            .iter_mut()
            .filter(|covering| covering.cover.kind == kind)
            .find_map(|running| {
                let server = running
                    .server
                    .as_any()
                    .downcast_ref::<Arc<Addr<CoveredActor<Q>>>>()?
                    .clone();
                server.connected().then_some((running, server))
            });
        if let Some((running, server)) = running {
            running.members += 1;
            let cover = Arc::clone(&running.cover);
            count_served(servers, slot.as_deref());
            return Some((cover, server));
        }
        let cover = Arc::new(Cover::new(key, kind, slot.clone()));
        let supervisor = ctx.address().downgrade();
        let (source, settings) = (Arc::clone(&self.source), self.settings.clone());
        let server = CoveredActor::start_in_arbiter(&working(&mut self.arbiters), move |_| {
            CoveredActor::new(
                covering,
                supervisor,
                source,
                settings.backoff,
                settings.throttle,
            )
        });
        // Each clone of an address has room of its own in it, so they share one.
        let server = Arc::new(server);
        let boxed = Box::new(Arc::clone(&server));
        servers.push(Covering {
            cover: Arc::clone(&cover),
            members: 1,
            server: boxed,
        });
        count_served(servers, slot.as_deref());
        Some((cover, server))
    }

    /// Whether this watch may serve others: it can be answered, and is not served itself.
    fn may_serve(&self, key: &WatchKey) -> bool {
        let Some(entry) = self.entries.get(key) else {
            return self.roots.contains(key);
        };
        !entry.slot.is_covered() && !entry.slot.state().is_refused()
    }

    /// One watch less is served; the future resolves when nobody asks for the last one any more.
    pub(super) fn leave(&mut self, cover: &Arc<Cover>) -> LocalBoxFuture<'static, ()> {
        let nothing = || Box::pin(std::future::ready(()));
        let Some(servers) = self.coverings.get_mut(&cover.key) else {
            return nothing();
        };
        let Some(at) = servers
            .iter()
            .position(|covering| Arc::ptr_eq(&covering.cover, cover))
        else {
            return nothing();
        };
        servers[at].members -= 1;
        let finished = if servers[at].members > 0 {
            nothing()
        } else {
            servers.swap_remove(at).server.finish()
        };
        count_served(servers, cover.slot().as_deref());
        if servers.is_empty() {
            self.coverings.remove(&cover.key);
        }
        finished
    }

    /// A watch begins, whose status those that it serves already show from now on.
    pub(super) fn show_served(&self, key: &WatchKey, slot: &Arc<Slot>) {
        let Some(servers) = self.coverings.get(key) else {
            return;
        };
        for covering in servers {
            covering.cover.set(Arc::clone(slot));
        }
        count_served(servers, Some(slot));
    }

    /// Whoever serves others starts afresh with the supervisor's source.
    pub(super) fn renew_covered(&self) {
        for covering in self.coverings.values().flatten() {
            covering.server.renew(Arc::clone(&self.source));
        }
    }

    /// Begins the wider watches again that were ended although others are served by them.
    pub(super) fn follow_again(&self) {
        for (key, servers) in &self.coverings {
            if !self.entries.contains_key(key) {
                for covering in servers {
                    covering.server.follow();
                }
            }
        }
    }

    /// A watch's state is another one: what it serves is told, or goes its own way.
    pub(super) fn tell_covered(&mut self, key: &WatchKey, state: &WatchState) {
        let Some(servers) = self.coverings.get(key) else {
            return;
        };
        if state.is_refused() {
            for covering in servers {
                covering.server.uncover();
            }
            return;
        }
        if self.observers.is_empty() {
            return;
        }
        let served: Vec<_> = self
            .entries
            .iter_mut()
            .filter(|(_, entry)| {
                let content = entry.slot.read();
                let served = content
                    .cover
                    .as_ref()
                    .is_some_and(|cover| cover.key == *key);
                // Before its own first answer it is not live, whatever the other is.
                served && (!state.is_live() || content.status.last_answer.is_some())
            })
            .filter_map(|(key, entry)| {
                entry
                    .is_news(state)
                    .then(|| (key.clone(), entry.path.clone()))
            })
            .collect();
        for (key, path) in served {
            self.tell(&key, &path, &EventKind::State(state.clone()));
        }
    }

    /// Writes down what states whoever asks from now on is told, since nobody was told what came before.
    pub(super) fn note_told(&mut self) {
        for entry in self
            .entries
            .values_mut()
            .filter(|entry| entry.told.is_some())
        {
            entry.told = Some(Box::new(entry.slot.state()));
        }
    }
}

/// Writes down how many watches are served, where the one that serves them is known.
fn count_served<S: Source>(servers: &[Covering<S>], slot: Option<&Slot>) {
    if let Some(slot) = slot {
        slot.write().serves = servers.iter().map(|covering| covering.members).sum();
    }
}

impl<S: Source> Entry<S> {
    /// Whether it is to be told that the watch is in this state, which is written down.
    pub(super) fn is_news(&mut self, state: &WatchState) -> bool {
        // One that asks by itself has looked at that itself.
        let Some(told) = &mut self.told else {
            return true;
        };
        let news = told.is_news(state);
        **told = state.clone();
        news
    }
}
