//! How many queries may be held open at once.

mod kept;

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

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

pub(crate) use self::kept::Occupied;

/// A budget of connections that queries are held on. A clone shares it.
///
/// Some servers take only so many connections from one client (Consul: 200, `http_max_conns_per_client`)
/// and cut off what is beyond. A watch that finds no place *waits*, in the order of coming, and
/// meanwhile asks every [`poll_interval`](ConnectionBudget::poll_interval) without being held, on one of a few places
/// kept for that; so it is late, never lost.
///
/// The place of a query that was cut is free when the server lets it go
/// ([`Query::hold`](crate::Query::hold)), which may be long after.
#[derive(Clone)]
pub struct ConnectionBudget(Arc<Shared>);

struct Shared {
    held: Arc<Semaphore>,
    brief: Arc<Semaphore>,
    count: usize,
    poll_interval: Duration,
    advice: String,
    warned: AtomicBool,
    asleep: AtomicBool,
    /// Until when places of queries that were cut stay taken.
    kept: Mutex<Vec<(Instant, Place)>>,
}

/// A place that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(
    #[expect(dead_code, reason = "it is there to be dropped")] OwnedSemaphorePermit,
);

/// A turn in the queue for a place.
pub(crate) struct Turn(Pin<Box<dyn Future<Output = Option<Place>> + Send>>);

/// What a watch asks on. It keeps it from one query to the next, so that a watch beyond the budget is
/// late itself and makes none of the others late.
#[derive(Debug)]
pub(crate) enum Seat {
    /// A place of its own: its queries may be held.
    Held(Place),
    /// A turn in the queue for one.
    Waiting(Turn),
}

impl ConnectionBudget {
    /// `held` places for queries that wait for news and `brief` ones for those that do not (each at
    /// least 1). `advice` goes into the warning that is logged when the first watch has to wait.
    pub fn new(
        held: usize,
        brief: usize,
        poll_interval: Duration,
        advice: impl Into<String>,
    ) -> Self {
        Self(Arc::new(Shared {
            held: Arc::new(Semaphore::new(held.max(1))),
            brief: Arc::new(Semaphore::new(brief.max(1))),
            count: held.max(1),
            poll_interval,
            advice: advice.into(),
            warned: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            kept: Mutex::default(),
        }))
    }

    /// The same, but nobody needs a place until it is [awake](Self::enable): for a server that may turn out to
    /// need no budget.
    #[must_use]
    pub fn asleep(self) -> Self {
        self.0.asleep.store(true, Ordering::Release);
        self
    }

    /// From now on places are needed: each watch takes one with its next answer.
    pub fn enable(&self) {
        self.0.asleep.store(false, Ordering::Release);
    }

    /// Whether places are needed.
    pub fn is_enabled(&self) -> bool {
        !self.0.asleep.load(Ordering::Acquire)
    }

    /// How many queries may be held at once.
    pub fn count(&self) -> usize {
        self.0.count
    }

    /// How many more could be held now.
    pub fn free(&self) -> usize {
        self.0.held.available_permits()
    }

    /// How often a watch without a place asks.
    pub fn poll_interval(&self) -> Duration {
        self.0.poll_interval
    }

    /// A place if one is free, else a turn in the queue; nothing where none is needed.
    pub(crate) fn seat(&self) -> Option<Seat> {
        if !self.is_enabled() {
            return None;
        }
        self.let_go();
        // What is given back goes to the queue first, so whoever finds a free place goes ahead of nobody.
        if let Ok(permit) = Arc::clone(&self.0.held).try_acquire_owned() {
            return Some(Seat::Held(Place(permit)));
        }
        self.warn();
        let held = Arc::clone(&self.0.held);
        Some(Seat::Waiting(Turn(Box::pin(async move {
            held.acquire_owned().await.ok().map(Place)
        }))))
    }

    /// Waits for the turn to come, but no longer than a watch without a place should go without asking.
    pub(crate) async fn await_turn(&self, mut turn: Turn) -> Seat {
        // Spread a little, so that those who wait together do not ask together.
        let pause = self
            .poll_interval()
            .mul_f64(fastrand::f64().mul_add(0.5, 0.75));
        let waited = tokio::time::timeout(pause, &mut turn).await;
        self.let_go();
        match waited {
            Ok(Some(place)) => Seat::Held(place),
            Ok(None) | Err(_) => Seat::Waiting(turn),
        }
    }

    /// A place for a query that is not held; the queue for these is short.
    pub(crate) async fn brief(&self) -> Option<Place> {
        if !self.is_enabled() {
            return None;
        }
        Arc::clone(&self.0.brief)
            .acquire_owned()
            .await
            .ok()
            .map(Place)
    }

    fn lock_kept(&self) -> MutexGuard<'_, Vec<(Instant, Place)>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells, once, that watches wait.
    fn warn(&self) {
        if !self.0.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                places = self.count(),
                poll_interval = ?self.poll_interval(),
                "all connections for watches are in use; the watches beyond ask from time to time: {}",
                self.0.advice
            );
        }
    }
}

impl Future for Turn {
    type Output = Option<Place>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for ConnectionBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("count", &self.count())
            .field("free", &self.free())
            .field("kept", &self.kept())
            .finish()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}
