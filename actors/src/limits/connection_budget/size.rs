//! The size of a budget: the smallest that its living handles ask for, and no more than the server seems to accept.
//!
//! Invariant, when nothing else happens: the permits available and in use are `total` plus the surplus, and
//! while there is a surplus none are available. A smaller size takes no permit away: what is in use beyond
//! it is the surplus, which is forgotten as permits are released.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::capacity::{Capacity, Refusal};

/// The permits of a budget and their number.
#[derive(Debug)]
pub(super) struct Size {
    permits: Arc<Permits>,
    /// The permits of queries that are not held.
    short: Arc<Permits>,
    asked: Mutex<Asked>,
}

#[derive(Debug)]
struct Permits {
    available: Arc<Semaphore>,
    surplus: AtomicUsize,
}

#[derive(Debug)]
struct Asked {
    /// The sizes that living handles ask for, and how many handles ask for each.
    sizes: BTreeMap<usize, usize>,
    /// The smallest of them; the last one when there are none.
    allowed: usize,
    /// The number of connections that the server seems to accept.
    capacity: Capacity,
    /// The smaller of these two.
    total: usize,
    /// The largest number of short permits, and their number, which is no larger than the capacity.
    max_short: usize,
    short: usize,
}

/// The permit of one query, until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    permit: Option<OwnedSemaphorePermit>,
    permits: Arc<Permits>,
    since: Instant,
}

impl Default for Permits {
    fn default() -> Self {
        Self {
            available: Arc::new(Semaphore::new(0)),
            surplus: AtomicUsize::new(0),
        }
    }
}

impl Size {
    /// Makes a size without permits for a server that is first believed to accept `capacity` connections, with at
    /// most `short` permits of queries that are not held.
    pub(super) fn new(capacity: usize, short: usize) -> Self {
        let size = Self {
            permits: Arc::default(),
            short: Arc::default(),
            asked: Mutex::new(Asked {
                sizes: BTreeMap::new(),
                allowed: 0,
                capacity: Capacity::new(capacity),
                total: 0,
                max_short: short,
                short: 0,
            }),
        };
        size.resize(size.asked());
        size
    }

    /// Adds a handle that asks for at most `max` permits.
    pub(super) fn add(&self, max: usize) {
        let mut asked = self.asked();
        *asked.sizes.entry(max).or_default() += 1;
        self.resize(asked);
    }

    /// Removes a handle that asked for `max`.
    pub(super) fn remove(&self, max: usize) {
        let mut asked = self.asked();
        if let Some(handles) = asked.sizes.get_mut(&max) {
            *handles -= 1;
            if *handles == 0 {
                asked.sizes.remove(&max);
            }
        }
        self.resize(asked);
    }

    /// Records that the server refused a connection. Returns the numbers of permits before and after, if it
    /// is smaller now.
    pub(super) fn refused(&self, refusal: Refusal, now: Instant) -> Option<(usize, usize)> {
        let mut asked = self.asked();
        let allowed = asked.allowed;
        let halved = asked.capacity.refused(refusal, allowed, now);
        self.resize(asked);
        halved
    }

    /// Forgets refusals that were only suspected.
    pub(super) fn forget_suspected_refusals(&self) {
        let mut asked = self.asked();
        asked.capacity.forget_suspected();
        self.resize(asked);
    }

    /// Forgets what the server refused.
    pub(super) fn forget_refusals(&self) {
        let mut asked = self.asked();
        asked.capacity.forget();
        self.resize(asked);
    }

    /// Grows as the time allows, and returns when it may grow further, if it may and somebody queues.
    pub(super) fn grow(&self, now: Instant) -> Option<Instant> {
        let mut asked = self.asked();
        let allowed = asked.allowed;
        if self.available() > 0 {
            asked.capacity.rest();
            return None;
        }
        asked.capacity.grow(allowed, now);
        let next = asked.capacity.next_growth(allowed, now);
        self.resize(asked);
        next
    }

    /// Whether the server's refusals, or its start, keep it below what is allowed.
    pub(super) fn is_limited(&self) -> bool {
        let asked = self.asked();
        asked.total < asked.allowed
    }

    /// The number of permits.
    pub(super) fn total(&self) -> usize {
        self.asked().total
    }

    /// The number of permits that nobody has.
    pub(super) fn available(&self) -> usize {
        self.permits.available.available_permits()
    }

    /// Returns a permit if one is available.
    pub(super) fn try_acquire(&self) -> Option<ConnectionPermit> {
        let available = Arc::clone(&self.permits.available);
        let permit = available.try_acquire_owned().ok()?;
        Some(ConnectionPermit::new(permit, &self.permits))
    }

    /// Queues for a permit, which the future resolves with.
    pub(super) fn acquire(&self) -> impl Future<Output = Option<ConnectionPermit>> + Send + use<> {
        Arc::clone(&self.permits).acquire()
    }

    /// The same for a query that is not held.
    pub(super) fn acquire_short(
        &self,
    ) -> impl Future<Output = Option<ConnectionPermit>> + Send + use<> {
        Arc::clone(&self.short).acquire()
    }

    fn resize(&self, mut asked: MutexGuard<'_, Asked>) {
        if let Some((&smallest, _)) = asked.sizes.first_key_value() {
            asked.allowed = smallest;
        }
        let capacity = asked.capacity.permits();
        let total = asked.allowed.min(capacity);
        let short = asked.max_short.min(capacity);
        let before = std::mem::replace(&mut asked.total, total);
        let short_before = std::mem::replace(&mut asked.short, short);
        // Not under the lock, since more permits wake those that queue.
        drop(asked);
        self.permits.resize(before, total);
        self.short.resize(short_before, short);
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permits {
    async fn acquire(self: Arc<Self>) -> Option<ConnectionPermit> {
        let permit = Arc::clone(&self.available).acquire_owned().await.ok()?;
        Some(ConnectionPermit::new(permit, &self))
    }

    fn resize(&self, before: usize, after: usize) {
        if after > before {
            self.grow(after - before);
        } else {
            self.shrink(before - after);
        }
    }

    fn grow(&self, by: usize) {
        let surplus = self
            .surplus
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |surplus| {
                Some(surplus.saturating_sub(by))
            });
        let surplus = surplus.unwrap_or_default();
        self.available.add_permits(by.saturating_sub(surplus));
    }

    fn shrink(&self, by: usize) {
        let forgotten = self.available.forget_permits(by);
        self.surplus.fetch_add(by - forgotten, Ordering::AcqRel);
    }

    /// Whether a permit that is released is one too many; then it counts as forgotten.
    fn take_surplus(&self) -> bool {
        self.surplus
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |surplus| {
                surplus.checked_sub(1)
            })
            .is_ok()
    }
}

impl ConnectionPermit {
    fn new(permit: OwnedSemaphorePermit, permits: &Arc<Permits>) -> Self {
        Self {
            permit: Some(permit),
            permits: Arc::clone(permits),
            since: Instant::now(),
        }
    }

    /// The time since it was given out.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Whether there are more permits than there should be, so that this one should be given back.
    pub(super) fn is_surplus(&self) -> bool {
        self.permits.surplus.load(Ordering::Acquire) > 0
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.permits.take_surplus()
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Event {
        Add(usize),
        Remove(usize),
        Acquire,
        Release(usize),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            2 => (1usize..6).prop_map(Event::Add),
            2 => any::<usize>().prop_map(Event::Remove),
            3 => Just(Event::Acquire),
            2 => any::<usize>().prop_map(Event::Release),
        ]
    }

    proptest! {
        #[test]
        fn there_are_never_more_permits_than_the_smallest_handle_asks_for(
            events in prop::collection::vec(event(), 1..100)
        ) {
            let size = Size::new(usize::MAX, 1);
            let (mut handles, mut held) = (Vec::new(), Vec::new());
            for event in events {
                match event {
                    Event::Add(max) => {
                        handles.push(max);
                        size.add(max);
                    }
                    Event::Remove(n) if !handles.is_empty() => {
                        size.remove(handles.swap_remove(n % handles.len()));
                    }
                    Event::Acquire => {
                        let free = held.len() < size.total();
                        let permit = size.try_acquire();
                        prop_assert_eq!(permit.is_some(), free);
                        held.extend(permit);
                    }
                    Event::Release(n) if !held.is_empty() => {
                        drop(held.swap_remove(n % held.len()));
                    }
                    Event::Remove(_) | Event::Release(_) => {}
                }
                if let Some(smallest) = handles.iter().min() {
                    prop_assert_eq!(size.total(), *smallest);
                }
                prop_assert_eq!(size.available(), size.total().saturating_sub(held.len()));
            }
        }
    }
}
