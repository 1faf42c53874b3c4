//! The budget of connections on which queries may be held open at once.
//!
//! Invariant: no more queries are held at the server than the budget has permits, including those that
//! nobody here waits for any more but the server still counts ([`delayed_release`]).

mod capacity;
mod delayed_release;
mod growth;
mod size;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

pub use self::capacity::Refusal;
use self::size::Size;
pub(crate) use self::{delayed_release::InUseLease, size::ConnectionPermit};
use crate::limits::backoff::EFFECTIVELY_FOREVER;

/// A budget of connections that queries are held on. A clone shares it.
///
/// Some servers accept only so many connections from one client (Consul: 200,
/// [`http_max_conns_per_client`](https://developer.hashicorp.com/consul/docs/agent/config/config-files#http_max_conns_per_client))
/// and cut off the others. A watch that finds no permit queues for one, in the order of arrival, and polls
/// meanwhile every [`poll_interval`](Self::poll_interval) without being held, on one of a few short
/// permits; so it is late, never lost. That is the engine's backpressure towards the server.
///
/// The permit of a query that was cut off, by its watch or by the network, is released when the server drops
/// the query ([`Ask::server_hold`](crate::Ask::server_hold)), which may be long after. It is released at once where the
/// server is known to hold it no longer ([`Failure::with_released`](crate::Failure::with_released),
/// [`release_pending`](Self::release_pending)).
///
/// Users that allow different numbers [`share`](Self::share) one budget: it has as many permits as the user
/// that allows the fewest.
///
/// Other processes of the machine may hold connections too, and those of a process that was killed count until their
/// queries end. Only a refusal shows it: [`refused`](Self::refused) halves the number of permits, which grows
/// slowly afterwards. With a [slow start](Self::with_slow_start) the limit is found without taking all of it.
#[derive(Clone)]
pub struct ConnectionBudget(Arc<Handle>);

/// One user of a budget.
struct Handle {
    shared: Arc<Shared>,
    /// The number of permits that it allows, if it allows less than others may.
    max: Option<usize>,
}

struct Shared {
    size: Size,
    settings: Settings,
    warned: AtomicBool,
    /// A task gives out further permits as time passes.
    growing: AtomicBool,
    disabled: AtomicBool,
    /// Permits of queries that were cut off, with the time until which the server counts them.
    pending_release: Mutex<Vec<(Instant, ConnectionPermit)>>,
}

#[derive(Clone)]
struct Settings {
    short_permits: usize,
    poll_interval: Duration,
    advice: String,
    /// The number of permits to start with.
    initial: usize,
    /// The wait of the first query on a permit.
    first_wait: Option<Duration>,
}

/// The permit of one query that is not held, until it is dropped.
#[derive(Debug)]
pub(crate) struct ShortPermit(
    #[expect(dead_code, reason = "it is there to be dropped")] ConnectionPermit,
);

/// A position in the queue for a permit.
pub(crate) struct PendingPermit(Pin<Box<dyn Future<Output = Option<ConnectionPermit>> + Send>>);

/// The right to a connection that a watch keeps from one query to the next, so that a watch beyond the budget
/// delays itself and no other.
#[derive(Debug)]
pub(crate) enum Lease {
    /// A permit of its own: its queries may be held.
    Permit(ConnectionPermit),
    /// A position in the queue for one.
    Queued(PendingPermit),
}

impl Lease {
    /// Whether it is a permit beyond the size of the budget.
    pub(crate) fn is_surplus(&self) -> bool {
        matches!(self, Self::Permit(permit) if permit.is_surplus())
    }
}

impl ConnectionBudget {
    /// The default number of short permits: 16 (ours).
    pub const DEFAULT_SHORT_PERMITS: usize = 16;
    /// The default interval at which a queued watch polls: 10 s (ours).
    pub const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(10);

    /// The largest number of permits: some million.
    const MAX: usize = 1 << 20;

    /// Makes a budget of `max` permits (at least 1) for queries that are held.
    pub fn new(max: usize) -> Self {
        let settings = Settings {
            short_permits: Self::DEFAULT_SHORT_PERMITS,
            poll_interval: Self::DEFAULT_POLL_INTERVAL,
            advice: String::new(),
            initial: usize::MAX,
            first_wait: None,
        };
        Self(Handle::new(Shared::new(settings), Some(max)))
    }

    /// Returns a handle on the same permits for a user that allows at most `max` of them (at least 1).
    ///
    /// The budget has as many permits as the smallest number that its living handles allow, clones counted
    /// as one. A smaller number takes no permit away: those beyond it are not given out again.
    #[must_use]
    pub fn share(&self, max: usize) -> Self {
        Self(Handle::new(Arc::clone(&self.0.shared), Some(max)))
    }

    /// Returns a handle on the same permits that allows any number of them: for a registry that keeps the
    /// budget of each server, and makes handles by [`share`](Self::share). Without other handles the number of
    /// permits stays what it was.
    #[must_use]
    pub fn keep(&self) -> Self {
        Self(Handle::new(Arc::clone(&self.0.shared), None))
    }

    /// Sets how many queries that are not held may run at once (at least 1; default 16).
    #[must_use]
    pub fn with_short_permits(self, count: usize) -> Self {
        self.rebuild(|settings| settings.short_permits = count.max(1))
    }

    /// Sets how often a watch without a permit polls (default 10 s). Each pause is spread by a quarter.
    #[must_use]
    pub fn with_poll_interval(self, interval: Duration) -> Self {
        self.rebuild(|settings| settings.poll_interval = interval.min(EFFECTIVELY_FOREVER))
    }

    /// Sets what the operator can do about an exhausted budget, for the warning that is logged then
    /// (default: nothing).
    #[must_use]
    pub fn with_advice(self, advice: impl Into<String>) -> Self {
        self.rebuild(|settings| settings.advice = advice.into())
    }

    /// Starts with `initial` permits, and doubles their number twice a second while watches queue and nothing is
    /// refused. The first query on a permit waits for at most `first_wait`, each further one for as long as its
    /// watch has had the permit, so that a limit of the server is met with queries that end soon (default: all
    /// permits at once, and no limit of the wait).
    #[must_use]
    pub fn with_slow_start(self, initial: usize, first_wait: Duration) -> Self {
        self.rebuild(|settings| {
            settings.initial = initial.max(1);
            settings.first_wait = Some(first_wait);
        })
    }

    fn rebuild(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.shared().settings.clone();
        change(&mut settings);
        let rebuilt = Self(Handle::new(Shared::new(settings), Some(self.max())));
        if self.is_enabled() {
            rebuilt
        } else {
            rebuilt.disabled()
        }
    }

    /// Makes a budget that needs no permits until it is [enabled](Self::enable): for a server that may turn
    /// out to need no budget.
    #[must_use]
    pub fn disabled(self) -> Self {
        self.shared().disabled.store(true, Ordering::Release);
        self
    }

    /// Makes permits necessary from now on: each watch takes one with its next answer.
    pub fn enable(&self) {
        self.shared().disabled.store(false, Ordering::Release);
    }

    /// Whether permits are necessary.
    pub fn is_enabled(&self) -> bool {
        !self.shared().disabled.load(Ordering::Acquire)
    }

    /// The number of queries that may be held at once.
    pub fn max(&self) -> usize {
        self.shared().size.total()
    }

    /// The number of further queries that could be held now.
    pub fn available(&self) -> usize {
        self.shared().size.available()
    }

    /// The interval at which a watch without a permit polls.
    pub fn poll_interval(&self) -> Duration {
        self.shared().settings.poll_interval
    }

    /// Returns a permit if one is available, else a position in the queue; `None` while the budget is
    /// disabled.
    pub(crate) fn lease(&self) -> Option<Lease> {
        if !self.is_enabled() {
            return None;
        }
        self.shared().release_expired();
        // A released permit goes to the queue first, so one that is available overtakes nobody.
        let size = &self.shared().size;
        if let Some(permit) = size.try_acquire() {
            return Some(Lease::Permit(permit));
        }
        self.shared().grow_while_watches_queue();
        if !size.is_limited() {
            self.warn_exhausted();
        }
        Some(Lease::Queued(PendingPermit(Box::pin(size.acquire()))))
    }

    /// Waits for a permit, but no longer than a watch without one should go without a query.
    pub(crate) async fn await_permit(&self, mut pending: PendingPermit) -> Lease {
        // Jitter, so that watches that queue together do not poll together.
        let pause = self
            .poll_interval()
            .mul_f64(fastrand::f64().mul_add(0.5, 0.75));
        let waited = tokio::time::timeout(pause, &mut pending).await;
        self.shared().release_expired();
        self.shared().grow_while_watches_queue();
        match waited {
            Ok(Some(permit)) => Lease::Permit(permit),
            Ok(None) | Err(_) => Lease::Queued(pending),
        }
    }

    /// Waits for a permit for a query that is not held; the queue for these is short.
    pub(crate) async fn short_permit(&self) -> Option<ShortPermit> {
        if !self.is_enabled() {
            return None;
        }
        self.shared().size.acquire_short().await.map(ShortPermit)
    }

    /// The longest time for which a query on this permit may be held, if there is a limit.
    pub(crate) fn longest_wait(&self, permit: &ConnectionPermit) -> Option<Duration> {
        let first = self.shared().settings.first_wait?;
        Some(permit.age().max(first))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Warns, once, that watches queue.
    fn warn_exhausted(&self) {
        if !self.shared().warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                max = self.max(),
                poll_interval_s = self.poll_interval().as_secs_f64(),
                "connection budget exhausted: further watches poll at intervals until a connection is free: {}",
                self.shared().settings.advice
            );
        }
    }
}

impl Handle {
    fn new(shared: Arc<Shared>, max: Option<usize>) -> Arc<Self> {
        let max = max.map(|max| max.clamp(1, ConnectionBudget::MAX));
        if let Some(max) = max {
            shared.size.add(max);
        }
        Arc::new(Self { shared, max })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(max) = self.max {
            self.shared.size.remove(max);
        }
    }
}

impl Shared {
    fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            size: Size::new(settings.initial, settings.short_permits),
            settings,
            warned: AtomicBool::new(false),
            growing: AtomicBool::new(false),
            disabled: AtomicBool::new(false),
            pending_release: Mutex::default(),
        })
    }

    fn lock_pending_release(&self) -> MutexGuard<'_, Vec<(Instant, ConnectionPermit)>> {
        self.pending_release
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for PendingPermit {
    type Output = Option<ConnectionPermit>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for ConnectionBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionBudget")
            .field("max", &self.max())
            .field("available", &self.available())
            .field("pending_release", &self.pending_release())
            .finish()
    }
}

impl fmt::Debug for PendingPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingPermit")
    }
}
