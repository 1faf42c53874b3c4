//! What an application may say to the supervisor.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Entry, all_of, handle::Watcher, readiness::Waiting};
use crate::{
    EventKind, Failure, FailureClass, GetSnapshots, Observe, Query, QueryId, Ready, ReadyError,
    Reset, ResetError, Selection, SharedBy, Source, Status, Stop, Stopped, Subscriber,
    SubscriptionId, Watch, WatchError, WatchEvent, WatchPath, WatchState, WatchStatus,
    WatchSupervisor,
    caught::{Panicked, caught, discard},
    key::WatchKey,
    link::Ends,
    observers::Observer,
    snapshots::Slot,
    watcher::{Registration, Subscribe, WatcherState},
};

impl<S: Source, Q: Query<Source = S>> Handler<Watch<Q>> for WatchSupervisor<S> {
    type Result = Result<SubscriptionId, WatchError>;

    fn handle(&mut self, watch: Watch<Q>, ctx: &mut Self::Context) -> Self::Result {
        let Watch {
            query,
            key,
            path,
            subscriber,
            observer,
            options,
        } = watch;
        let actor = subscriber
            .identity()
            .ok_or_else(|| WatchError::SubscriberGone { path: path.clone() })?;
        let id = SubscriptionId(self.number());
        if !self.entries.contains_key(&key) {
            let entry = self.start_watcher(&key, path.clone(), query, ctx);
            self.entries.insert(key.clone(), entry);
            self.tell(&key, &path, &EventKind::State(WatchState::Connecting));
        }
        let Some(entry) = self.entries.get_mut(&key) else {
            unreachable!("it was just put there")
        };
        let Some(watcher) = entry.handle.as_any_mut().downcast_mut::<Watcher<Q>>() else {
            unreachable!("equal keys are of equal types")
        };
        if let Some(subscription) = watcher.subscription_of(actor) {
            return Err(WatchError::AlreadyWatching { path, subscription });
        }
        let registration = Arc::new(Registration {
            subscriber,
            options,
        });
        watcher.subscribe(Subscribe { id, registration }, actor);
        entry.slot.write().status.subscribers += 1;
        self.subscriptions.insert(id, key.clone());
        if let Some(observer) = observer {
            let id = QueryId {
                key: key.clone(),
                path,
            };
            self.observe(Selection::Query(id), observer, Some(key));
        }
        self.pump_observers(ctx);
        Ok(id)
    }
}

impl<S: Source> WatchSupervisor<S> {
    fn start_watcher<Q: Query<Source = S>>(
        &mut self,
        key: &WatchKey,
        path: WatchPath,
        query: Arc<Q>,
        ctx: &mut Context<Self>,
    ) -> Entry<S> {
        tracing::debug!(%path, "the watch begins");
        let slot = Arc::new(Slot::new(WatchStatus::new(path.clone())));
        self.snapshots.insert(key.clone(), Arc::clone(&slot));
        let incarnation = self.number();
        let supervisor = ctx.address().downgrade();
        self.show_served(key, &slot);
        // One that serves others asks by itself, so that no state has to show through two.
        let wider = if self.coverings.contains_key(key) {
            None
        } else {
            caught(|| query.shared_with().map(SharedBy::wider_queries)).unwrap_or_else(|Panicked| {
                tracing::warn!(%path, "`SharedBy::wider_queries` panicked: the watch sends queries of its own");
                None
            })
        };
        let server = wider.and_then(|wider| self.cover_of::<Q>(wider, ctx));
        let (own_key, own_path, own_slot) = (key.clone(), path.clone(), Arc::clone(&slot));
        let ends = Arc::new(Ends {
            key: own_key,
            path: own_path,
            query,
            slot: own_slot,
            supervisor,
        });
        let state = WatcherState::new(
            self.settings.backoff.clone_reset(),
            self.settings.throttle.clone(),
        );
        let (watcher, told) = if let Some((cover, server)) = server {
            slot.write().cover = Some(cover);
            (
                Watcher::join(ends, incarnation, server, state),
                Some(Box::new(WatchState::Connecting)),
            )
        } else {
            (
                Watcher::start(ends, incarnation, &self.source, &mut self.arbiters, state),
                None,
            )
        };
        Entry {
            path,
            slot,
            incarnation,
            handle: Box::new(watcher),
            told,
        }
    }

    /// Takes an observer on and tells it how things stand; one that comes with a `watch` ends with it.
    fn observe(
        &mut self,
        selection: Selection,
        address: Subscriber<WatchEvent>,
        watch: Option<WatchKey>,
    ) {
        let mut observer = Observer::new(self.number(), selection, address, watch);
        if self.observers.is_empty() {
            self.note_told();
        }
        // Who asks twice for the same is told once, and from now on.
        self.observers.retain(|other| !other.is_same(&observer));
        for key in self.select(&observer.selection).0 {
            if let Some(entry) = self.entries.get(&key) {
                let status = entry.slot.status();
                observer.tell(&key, &entry.path, EventKind::State(status.state));
                if let Some(reason) = status.rejection {
                    observer.tell(&key, &entry.path, EventKind::Rejected(reason));
                }
            }
        }
        self.observers.push(observer);
    }
}

impl<S: Source> Handler<Stop> for WatchSupervisor<S> {
    type Result = ResponseFuture<Stopped>;

    fn handle(&mut self, Stop(selection): Stop, ctx: &mut Self::Context) -> Self::Result {
        let mut stopped = Stopped::default();
        let mut ends = Vec::new();
        if let Selection::Subscription(id) = selection {
            match self.unsubscribe(id) {
                Some((path, ended, told)) => {
                    stopped.subscriptions = 1;
                    stopped.ended.extend(ended.then_some(path));
                    ends.push(told);
                }
                None => stopped.not_watched.push(selection.to_string()),
            }
        } else {
            let (mut keys, missing) = self.select(&selection);
            stopped.not_watched = missing;
            // Those that are served go before those that serve them, which are begun anew for the rest.
            keys.sort_by_key(|key| self.coverings.contains_key(key));
            for (entry, ended) in keys
                .iter()
                .filter_map(|key| self.remove(key))
                .collect::<Vec<_>>()
            {
                stopped.subscriptions += entry.handle.count();
                stopped.ended.push(entry.path);
                ends.push(ended);
            }
        }
        stopped.ended.sort();
        self.follow_again();
        self.pump_observers(ctx);
        let all = all_of(ends, ctx.address());
        Box::pin(async move {
            all.await;
            stopped
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the source panicked while it was checked (the panic is on standard error)")]
struct SourcePanicked;

impl<S: Source> Handler<Reset<S>> for WatchSupervisor<S> {
    type Result = ResponseFuture<Result<usize, ResetError>>;

    fn handle(&mut self, Reset(source): Reset<S>, ctx: &mut Self::Context) -> Self::Result {
        // The source is code of an application, which must not end the supervisor.
        let refreshed = caught(|| match source {
            Some(source) => source.validate().map(|()| source.refreshed()),
            None => Ok(S::clone(&self.source).refreshed()),
        });
        let refreshed = refreshed
            .unwrap_or_else(|Panicked| Err(Failure::new(FailureClass::Invalid, SourcePanicked)));
        match refreshed {
            Ok(source) => discard(std::mem::replace(&mut self.source, Arc::new(source))),
            Err(refused) => return Box::pin(std::future::ready(Err(ResetError::Refused(refused)))),
        }
        // Before the watches that serve others, so that a value of the new source is taken by it.
        self.renew_covered();
        let restarts: Vec<_> = self
            .entries
            .values_mut()
            .map(|entry| entry.handle.restart(Some(Arc::clone(&self.source))))
            .collect();
        let count = restarts.len();
        let all = all_of(restarts, ctx.address());
        Box::pin(async move {
            all.await;
            Ok(count)
        })
    }
}

impl<S: Source> Handler<Status> for WatchSupervisor<S> {
    type Result = Vec<WatchStatus>;

    fn handle(&mut self, Status(selection): Status, _: &mut Self::Context) -> Self::Result {
        let mut statuses: Vec<_> = self
            .select(&selection)
            .0
            .iter()
            .filter_map(|key| Some(self.entries.get(key)?.slot.status()))
            .collect();
        statuses.sort_by(|a, b| a.path.cmp(&b.path));
        statuses
    }
}

impl<S: Source> Handler<GetSnapshots> for WatchSupervisor<S> {
    type Result = MessageResult<GetSnapshots>;

    fn handle(&mut self, _: GetSnapshots, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.snapshots.clone())
    }
}

impl<S: Source> Handler<Observe> for WatchSupervisor<S> {
    type Result = ();

    fn handle(
        &mut self,
        Observe {
            observer,
            selection,
        }: Observe,
        ctx: &mut Self::Context,
    ) {
        self.observe(selection, observer, None);
        self.pump_observers(ctx);
    }
}

impl<S: Source> Handler<Ready> for WatchSupervisor<S> {
    type Result = ResponseFuture<Result<(), ReadyError>>;

    fn handle(&mut self, Ready(selection): Ready, _: &mut Self::Context) -> Self::Result {
        let (keys, missing) = self.select(&selection);
        if let Some(missing) = missing.into_iter().next() {
            return Box::pin(std::future::ready(Err(ReadyError::NotWatched(missing))));
        }
        let watches: Vec<_> = keys
            .into_iter()
            .filter_map(|key| Some((key.clone(), self.entries.get(&key)?.path.clone())))
            .collect();
        if let Some(answer) = self.readiness(&watches) {
            return Box::pin(std::future::ready(answer));
        }
        let (reply, answer) = oneshot::channel();
        self.waiting.push(Waiting { watches, reply });
        let name = selection.to_string();
        // The supervisor itself may go before the watch is ready.
        Box::pin(async move { answer.await.unwrap_or(Err(ReadyError::Stopped(name))) })
    }
}
