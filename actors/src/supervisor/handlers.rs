//! Handles the messages of an application.

use std::sync::Arc;

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

use super::{
    WatchEntry, all_of,
    readiness::ReadyWaiter,
    shared_queries::{Joined, shared},
    watch_handle::WatcherHandle,
};
use crate::{
    caught::{Panicked, caught, discard},
    messages::{
        event::{EventKind, WatchEvent},
        observe::Observe,
        ready::{Ready, ReadyError},
        reset::{Reset, ResetError},
        selection::{QueryId, Selection},
        status::Status,
        stop::{Stop, Stopped},
        subscriber::Subscriber,
        subscription_id::SubscriptionId,
        watch::{Watch, WatchError},
        watch_status::{WatchState, WatchStatus},
    },
    query::{
        Query, Source,
        failure::{Failure, FailureClass},
        path::WatchPath,
        shared::SharedBy,
        watch_key::WatchKey,
    },
    subscription::registration::{Registration, Subscribe},
    supervisor::{WatchSupervisor, observers::Observer},
    topic::{
        reporter::WatchMeta,
        snapshots::{GetSnapshots, WatchCell},
        state::WatcherState,
    },
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
            let joined = self.wide_watch_of(&query, &path, ctx);
            self.start_watch(&key, &path, query, joined, ctx);
        }
        let Some(entry) = self.entries.get_mut(&key) else {
            unreachable!("it was just put there")
        };
        let Some(watcher) = entry.handle.as_any_mut().downcast_mut::<WatcherHandle<Q>>() else {
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
        entry.cell.write().status.subscribers += 1;
        self.subscriptions.insert(id, key.clone());
        if let Some(observer) = observer {
            let id = QueryId {
                key: key.clone(),
                path,
            };
            self.observe(Selection::Query(id), observer, Some(key));
        }
        self.send_events(ctx);
        Ok(id)
    }
}

impl<S: Source> WatchSupervisor<S> {
    /// The wide watch that serves this query, if one is watched or declared as a root.
    fn wide_watch_of<Q: Query<Source = S>>(
        &mut self,
        query: &Arc<Q>,
        path: &WatchPath,
        ctx: &mut Context<Self>,
    ) -> Option<Joined<S>> {
        let Ok(wider) = caught(|| query.shared_with().map(SharedBy::wider_queries)) else {
            tracing::warn!(%path, "`SharedBy::wider_queries` panicked: the watch sends queries of its own");
            return None;
        };
        self.join_one_of(&wider?, ctx)
    }

    /// Starts a watch, without subscribers yet.
    pub(super) fn start_watch<Q: Query<Source = S>>(
        &mut self,
        key: &WatchKey,
        path: &WatchPath,
        query: Arc<Q>,
        joined: Option<Joined<S>>,
        ctx: &mut Context<Self>,
    ) {
        tracing::debug!(%path, "the watch begins");
        let cell = Arc::new(WatchCell::new(WatchStatus::new(path.clone())));
        self.snapshots.insert(key.clone(), Arc::clone(&cell));
        let incarnation = self.number();
        let meta = Arc::new(WatchMeta {
            key: key.clone(),
            path: path.clone(),
            query,
            cell: Arc::clone(&cell),
            supervisor: self.link(ctx),
        });
        let mut last_reported = None;
        let mut membership = None;
        let watcher = if let Some(joined) = joined {
            cell.write().upstream = Some(joined.cell);
            last_reported = Some(shared(WatchState::Connecting));
            membership = Some(Box::new(joined.membership));
            WatcherHandle::member(meta, incarnation, joined.host)
        } else {
            let state = WatcherState::new(
                self.settings.backoff.clone_reset(),
                self.settings.throttle.clone(),
            );
            WatcherHandle::start(meta, incarnation, &self.source, &mut self.arbiters, state)
        };
        let entry = WatchEntry {
            path: path.clone(),
            cell,
            incarnation,
            handle: Box::new(watcher),
            last_reported,
            membership,
        };
        self.entries.insert(key.clone(), entry);
        self.notify(key, path, &EventKind::State(WatchState::Connecting));
    }

    /// Ends the subscriptions of a watch that runs on for others: how many, and the futures that resolve when
    /// nothing more is delivered.
    fn end_subscriptions(&mut self, key: &WatchKey) -> (usize, Vec<LocalBoxFuture<'static, ()>>) {
        self.lingering.remove(key);
        let entry = self.entries.get(key);
        let ids = entry.map_or_else(Vec::new, |entry| entry.handle.subscriptions());
        let ended = ids.iter().filter_map(|id| self.unsubscribe(*id));
        let ended: Vec<_> = ended.map(|(.., ended)| ended).collect();
        (ids.len(), ended)
    }

    /// Adds an observer and sends it the current states; one that comes with a `watch` ends with it.
    fn observe(
        &mut self,
        selection: Selection,
        address: Subscriber<WatchEvent>,
        watch: Option<WatchKey>,
    ) {
        let mut observer = Observer::new(self.number(), selection, address, watch);
        if self.observers.is_empty() {
            self.mark_reported();
        }
        // An observer that is added twice for the same watches counts once (dedup), from now on.
        self.observers.retain(|other| !other.is_same(&observer));
        for key in self.select(&observer.selection).0 {
            if let Some(entry) = self.entries.get(&key) {
                let status = entry.cell.status();
                observer.notify(&key, &entry.path, EventKind::State(status.state));
                if let Some(reason) = status.rejection {
                    observer.notify(&key, &entry.path, EventKind::Rejected(reason));
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
        let mut meta = Vec::new();
        if let Selection::Subscription(id) = selection {
            match self.unsubscribe(id) {
                Some((path, ended, last_reported)) => {
                    stopped.subscriptions = 1;
                    stopped.ended.extend(ended.then_some(path));
                    meta.push(last_reported);
                }
                None => stopped.not_watched.push(selection.to_string()),
            }
        } else {
            let (mut keys, missing) = self.select(&selection);
            stopped.not_watched = missing;
            // Members go before the watches that serve them, of which the last member takes some along.
            keys.sort_by_key(|key| self.shared.contains_key(key));
            let paths = keys
                .iter()
                .map(|key| Some(self.entries.get(key)?.path.clone()));
            let paths: Vec<_> = paths.collect();
            for (key, path) in keys.iter().zip(paths) {
                if self.shared.contains_key(key) {
                    let (count, mut left) = self.end_subscriptions(key);
                    stopped.subscriptions += count;
                    stopped.continue_for_members.extend(path);
                    meta.append(&mut left);
                } else if let Some((entry, ended)) = self.remove(key) {
                    stopped.subscriptions += entry.handle.count();
                    stopped.ended.push(entry.path);
                    meta.push(ended);
                } else {
                    stopped.ended.extend(path);
                }
            }
        }
        stopped.ended.sort();
        stopped.continue_for_members.sort();
        self.send_events(ctx);
        let all = all_of(meta, ctx.address());
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
        // Members that have detached come back at once, behind the restart of the watch that serves them.
        let (detached, others): (Vec<_>, Vec<_>) = self.entries.values_mut().partition(|entry| {
            let membership = entry.membership.as_ref();
            membership.is_some_and(|membership| membership.detached.is_some())
        });
        let mut restarts: Vec<_> = others
            .into_iter()
            .map(|entry| entry.handle.restart(Some(Arc::clone(&self.source))))
            .collect();
        restarts.extend(detached.iter().map(|entry| entry.handle.hand_over()));
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
            .filter_map(|key| Some(self.entries.get(key)?.cell.status()))
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
        self.send_events(ctx);
    }
}

impl<S: Source> Handler<Ready> for WatchSupervisor<S> {
    type Result = ResponseFuture<Result<(), ReadyError>>;

    fn handle(&mut self, Ready(selection): Ready, _: &mut Self::Context) -> Self::Result {
        let (mut keys, missing) = self.select(&selection);
        if matches!(selection, Selection::All) {
            // Members stand for the shared query that runs for them alone.
            keys.retain(|key| {
                let entry = self.entries.get(key);
                !self.shared.contains_key(key) || entry.is_some_and(|it| it.handle.count() > 0)
            });
        }
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
        self.waiting.push(ReadyWaiter { watches, reply });
        let name = selection.to_string();
        // The supervisor itself may go before the watch is ready.
        Box::pin(async move { answer.await.unwrap_or(Err(ReadyError::Stopped(name))) })
    }
}
