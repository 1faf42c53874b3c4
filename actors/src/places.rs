//! How many queries may be held open at once.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A budget of connections that queries are held on. A clone shares it.
///
/// Some servers take only so many connections from one client (Consul: 200, `http_max_conns_per_client`)
/// and cut off what is beyond. A watch that finds no place *waits*, in the order of coming, and
/// meanwhile asks every [`poll_every`](Places::poll_every) without being held, on one of a few places
/// kept for that; so it is late, never lost.
#[derive(Clone)]
pub struct Places(Arc<Shared>);

struct Shared {
    held: Arc<Semaphore>,
    brief: Arc<Semaphore>,
    count: usize,
    poll_every: Duration,
    advice: String,
    warned: AtomicBool,
}

/// A place that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "it is there to be dropped")] OwnedSemaphorePermit);

/// A turn in the queue for a place.
pub(crate) struct Turn(Pin<Box<dyn Future<Output = Option<Place>> + Send>>);

impl Places {
    /// `held` places for queries that wait for news and `brief` ones for those that do not (each at
    /// least 1). `advice` goes into the warning that is logged when the first watch has to wait.
    pub fn new(held: usize, brief: usize, poll_every: Duration, advice: impl Into<String>) -> Self {
        Self(Arc::new(Shared {
            held: Arc::new(Semaphore::new(held.max(1))),
            brief: Arc::new(Semaphore::new(brief.max(1))),
            count: held.max(1),
            poll_every,
            advice: advice.into(),
            warned: AtomicBool::new(false),
        }))
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
    pub fn poll_every(&self) -> Duration {
        self.0.poll_every
    }

    /// Gets in the queue for a place.
    pub(crate) fn queue(&self) -> Turn {
        let held = Arc::clone(&self.0.held);
        Turn(Box::pin(async move { held.acquire_owned().await.ok().map(Place) }))
    }

    /// A place for a query that is not held; the queue for these is short.
    pub(crate) async fn brief(&self) -> Option<Place> {
        Arc::clone(&self.0.brief).acquire_owned().await.ok().map(Place)
    }

    /// Tells, once until all is well again, that watches wait.
    pub(crate) fn warn(&self) {
        if !self.0.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                places = self.count(),
                poll_every = ?self.poll_every(),
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

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("count", &self.count()).field("free", &self.free()).finish()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

/// What a query was asked on.
#[derive(Debug)]
pub(crate) enum Seat {
    /// It needs no place, or had one.
    Held,
    /// It had none and asked without being held; it keeps its turn.
    Polled(Turn),
}

/// Runs `held` as soon as its turn has come, or `brief` when that takes longer than a watch should wait.
pub(crate) async fn in_turn<T, H, B>(
    places: Places,
    mut turn: Turn,
    held: impl FnOnce() -> H,
    brief: impl FnOnce() -> B,
) -> (T, Seat)
where
    H: Future<Output = T>,
    B: Future<Output = T>,
{
    // Spread a little, so that those who wait together do not ask together.
    let pause = places.poll_every().mul_f64(fastrand::f64().mul_add(0.5, 0.75));
    let mut place = None;
    if let Ok(taken) = tokio::time::timeout(pause, &mut turn).await {
        place = taken;
    }
    if place.is_some() {
        return (held().await, Seat::Held);
    }
    let _brief = places.brief().await;
    (brief().await, Seat::Polled(turn))
}
