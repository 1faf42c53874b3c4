//! The actor that owns the watchers.

mod arbiter_pool;
mod events;
mod handlers;
mod inputs;
mod launch;
mod linger;
mod observers;
mod readiness;
mod replies;
mod reports;
mod shared_queries;
mod shutdown;
pub(crate) mod start;
mod start_afresh;
mod watch_handle;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use futures_util::future::{LocalBoxFuture, join_all};
use tokio::time::Instant;

use self::{
    arbiter_pool::ArbiterPool,
    observers::Observer,
    readiness::ReadyWaiter,
    shared_queries::{Membership, SharedQueryHandle, StartRoot},
    watch_handle::ErasedWatcher,
};
use crate::{
    limits::{backoff::Backoff, throttle::Throttle},
    messages::{
        event::{EndReason, EventKind},
        selection::Selection,
        subscription_id::SubscriptionId,
        watch_status::WatchState,
    },
    query::{Query, Source, path::WatchPath, watch_key::WatchKey},
    topic::{
        report::SupervisorLink,
        snapshots::{Snapshots, WatchCell},
    },
};

/// The interval at which subscribers and observers that are gone are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// The actor that owns one watcher per path, and to which everything is said.
///
/// It takes [`Watch`](crate::Watch), [`Stop`](crate::Stop), [`Reset`](crate::Reset), [`StartAfresh`](crate::StartAfresh),
/// [`Status`](crate::Status), [`Observe`](crate::Observe), [`Ready`](crate::Ready) and
/// [`GetSnapshots`](crate::GetSnapshots). When the last of its addresses is dropped it ends within a second, and
/// its watches with it: observers receive their [`EventKind::Ended`](crate::EventKind::Ended).
pub struct WatchSupervisor<S: Source> {
    source: Arc<S>,
    /// The supervisor as watchers know it, made for the first one.
    link: Option<Arc<SupervisorLink>>,
    settings: Settings,
    arbiters: ArbiterPool,
    entries: HashMap<WatchKey, WatchEntry<S>>,
    /// The declared roots, and how each starts.
    roots: HashMap<WatchKey, StartRoot<S>>,
    /// By the wide watches that serve others.
    shared: HashMap<WatchKey, SharedQueryHandle<S>>,
    /// When members that have detached come back.
    rejoins: BTreeMap<(Instant, u64), WatchKey>,
    subscriptions: HashMap<SubscriptionId, WatchKey>,
    snapshots: Snapshots,
    observers: Vec<Observer>,
    waiting: Vec<ReadyWaiter>,
    /// The watches whose last subscriber is gone; with the number of that time.
    lingering: HashMap<WatchKey, u64>,
    /// The number of events that observers are handling.
    events_in_flight: usize,
    /// Its last address was dropped: when it ends, whether its observers have handled that or not.
    shutting_down: Option<Instant>,
    /// The actors that are gone, until all their subscriptions have been found.
    gone_actors: HashSet<u64>,
    /// The last number given to a subscription, a watcher or an observer.
    last_number: u64,
}

/// The settings of every watcher.
#[derive(Debug, Clone)]
struct Settings {
    arbiters: usize,
    backoff: Backoff,
    throttle: Throttle,
    linger: Duration,
}

/// One watch.
struct WatchEntry<S: Source> {
    path: WatchPath,
    cell: Arc<WatchCell>,
    incarnation: u64,
    handle: Box<dyn ErasedWatcher<S>>,
    /// The state that was reported last, if a wide watch serves it: it follows from that one's too.
    last_reported: Option<Arc<WatchState>>,
    /// Its place in a shared query, if it has one.
    membership: Option<Box<Membership>>,
}

impl<S: Source> WatchSupervisor<S> {
    /// The number of arbiters that a supervisor starts: 1, so that a handler that blocks its thread
    /// holds up no watch.
    pub const DEFAULT_ARBITERS: usize = 1;

    /// A supervisor that is yet to be [started](Self::start).
    pub fn new(source: S) -> Self {
        Self {
            source: Arc::new(source),
            link: None,
            settings: Settings {
                arbiters: Self::DEFAULT_ARBITERS,
                backoff: Backoff::default(),
                throttle: Throttle::default(),
                linger: Self::DEFAULT_LINGER,
            },
            arbiters: ArbiterPool::default(),
            entries: HashMap::new(),
            roots: HashMap::new(),
            shared: HashMap::new(),
            rejoins: BTreeMap::new(),
            subscriptions: HashMap::new(),
            snapshots: Snapshots::default(),
            observers: Vec::new(),
            waiting: Vec::new(),
            lingering: HashMap::new(),
            events_in_flight: 0,
            shutting_down: None,
            gone_actors: HashSet::new(),
            last_number: 0,
        }
    }

    /// Spreads the watchers over this many arbiters (threads) of the supervisor's own (default 1);
    /// with 0 they run on the arbiter that the supervisor is started on.
    ///
    /// On threads of their own they continue whatever blocks the application's, and responses are read there; each update
    /// then goes from thread to thread, which the row `latency` of `cargo xtask bench` measures. Where no handler
    /// blocks and every part of a millisecond counts, 0 is quicker.
    #[must_use]
    pub fn arbiters(mut self, count: usize) -> Self {
        self.settings.arbiters = count;
        self
    }

    /// Sets the back-off between a watcher's attempts (default 250 ms doubling to 30 s, full jitter). While a
    /// guarded server is away its ceiling is [`ReconnectGate::MAX_PROBE_INTERVAL`](crate::ReconnectGate::MAX_PROBE_INTERVAL) at most.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Sets how often a watcher may ask (default a burst of 2, then one query each 10 ms).
    #[must_use]
    pub fn throttle(mut self, throttle: Throttle) -> Self {
        self.settings.throttle = throttle;
        self
    }

    /// Declares a root: every watch that this query covers is served by its one query, which begins with the
    /// first of them and ends with the last. To their subscribers nothing is different, but that a change of
    /// one entry is delivered as soon as the whole has been read.
    ///
    /// A wider watch that is running for subscribers of its own serves new ones in the same way, declared or
    /// not. While the root is refused, they send queries of their own.
    #[must_use]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a query is given away, as it is to `Watch::new`"
    )]
    pub fn shared_root<Q: Query<Source = S>>(mut self, query: Q) -> Self {
        let query = Arc::new(query);
        let key = WatchKey::shared(&query);
        let path = query.path();
        let root = key.clone();
        let start: StartRoot<S> = Arc::new(move |supervisor, ctx| {
            supervisor.start_watch(&root, &path, Arc::clone(&query), None, ctx);
        });
        self.roots.insert(key, start);
        self
    }

    /// The latest values of all watches, readable from any thread.
    pub fn snapshots(&self) -> Snapshots {
        self.snapshots.clone()
    }

    /// The supervisor as watchers know it.
    fn link(&mut self, ctx: &Context<Self>) -> Arc<SupervisorLink> {
        let link = self.link.get_or_insert_with(|| {
            let address = ctx.address().downgrade();
            Arc::new(SupervisorLink {
                reports: address.clone().recipient(),
                exits: address.clone().recipient(),
                stops: address.clone().recipient(),
                address: Arc::new(address),
            })
        });
        Arc::clone(link)
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The watches that are selected, and the names that select none.
    fn select(&self, selection: &Selection) -> (Vec<WatchKey>, Vec<String>) {
        if matches!(selection, Selection::All) {
            return (self.entries.keys().cloned().collect(), Vec::new());
        }
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for part in selection.parts() {
            let selected: Vec<_> = match &part {
                Selection::All => self.entries.keys().collect(),
                Selection::Paths(names) => {
                    let called =
                        |path: &WatchPath| names.iter().any(|name| path.matches_name(name));
                    self.entries
                        .iter()
                        .filter(|(_, entry)| called(&entry.path))
                        .map(|(key, _)| key)
                        .collect()
                }
                Selection::Query(id) => self
                    .entries
                    .get_key_value(&id.key)
                    .map(|(key, _)| key)
                    .into_iter()
                    .collect(),
                Selection::Subscription(id) => self.subscriptions.get(id).into_iter().collect(),
            };
            if selected.is_empty() && !matches!(part, Selection::All) {
                missing.push(part.to_string());
            }
            // Two names may call the same watch.
            for key in selected {
                if !found.contains(key) {
                    found.push(key.clone());
                }
            }
        }
        (found, missing)
    }

    /// Forgets a watch and ends its watcher: the future resolves when its request is closed.
    fn remove(&mut self, key: &WatchKey) -> Option<(WatchEntry<S>, LocalBoxFuture<'static, ()>)> {
        let mut entry = self.entries.remove(key)?;
        let mut ended = entry.handle.end();
        if let Some(membership) = entry.membership.take()
            && let Some(wide) = self.leave(&membership)
        {
            ended = Box::pin(async move {
                ended.await;
                wide.await;
            });
        }
        self.snapshots.remove(key);
        tracing::debug!(path = %entry.path, "the watch ends");
        self.notify(key, &entry.path, &EventKind::Ended);
        for id in entry.handle.subscriptions() {
            self.subscriptions.remove(&id);
        }
        for observer in &mut self.observers {
            observer.watch_ended(key);
        }
        self.answer_waiting();
        Some((entry, ended))
    }

    /// Forgets one subscription; its watch ends with the last one.
    fn unsubscribe(
        &mut self,
        id: SubscriptionId,
    ) -> Option<(WatchPath, bool, LocalBoxFuture<'static, ()>)> {
        let key = self.subscriptions.get(&id)?.clone();
        let entry = self.entries.get_mut(&key)?;
        let path = entry.path.clone();
        let actor = entry.handle.actor(id);
        let last_reported = entry.handle.remove(id);
        entry.cell.write().status.subscribers = entry.handle.count();
        if entry.handle.count() > 0 || self.shared.contains_key(&key) {
            self.subscriptions.remove(&id);
            // A subscriber that is its own observer leaves with its subscription.
            self.observers
                .retain(|observer| !actor.is_some_and(|actor| observer.came_with(&key, actor)));
            return Some((path, false, last_reported));
        }
        let removed = self.remove(&key);
        self.subscriptions.remove(&id);
        let (_, ended) = removed?;
        Some((
            path,
            true,
            Box::pin(async move {
                join_all([last_reported, ended]).await;
            }),
        ))
    }

    /// Lets go of subscribers and observers whose actors are gone.
    fn sweep(&mut self, ctx: &mut Context<Self>) {
        if !ctx.connected() {
            self.shut_down(ctx);
            return;
        }
        // A weak address may have been upgraded meanwhile.
        self.shutting_down = None;
        let dead: Vec<_> = self
            .entries
            .values()
            .flat_map(|entry| entry.handle.dead())
            .collect();
        for id in dead {
            self.subscriber_gone(id, EndReason::ActorEnded, ctx);
        }
        self.gone_actors.clear();
        self.run_rejoins();
        self.observers.retain(Observer::is_connected);
        self.answer_waiting();
        self.send_events(ctx);
    }
}

impl<S: Source> Actor for WatchSupervisor<S> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // `Actor::start` outside an actix system panics, and actix calls this while it unwinds: a panic here would
        // abort the process.
        if !start::has_system() {
            ctx.stop();
            return;
        }
        self.arbiters = ArbiterPool::start(self.settings.arbiters);
        ctx.run_interval(SWEEP, Self::sweep);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.end_all();
    }
}

impl<S: Source> fmt::Debug for WatchSupervisor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchSupervisor")
            .field("settings", &self.settings)
            .field(
                "watches",
                &self
                    .entries
                    .values()
                    .map(|entry| entry.path.to_string())
                    .collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

/// Sent to itself to be behind everything that was said before.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Barrier;

impl<S: Source> Handler<Barrier> for WatchSupervisor<S> {
    type Result = ();

    fn handle(&mut self, _: Barrier, _: &mut Self::Context) {}
}

/// Waits for all of these, and then until what dying watchers said before is done with too.
fn all_of<S: Source>(
    futures: Vec<LocalBoxFuture<'static, ()>>,
    supervisor: Addr<WatchSupervisor<S>>,
) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        join_all(futures).await;
        // A supervisor that has gone has nothing left to be done.
        let _ = supervisor.send(Barrier).await;
    })
}
