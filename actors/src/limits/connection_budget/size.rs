//! The size of a budget: the smallest that its living handles ask for.
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
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The permits of a budget and their number.
#[derive(Debug, Default)]
pub(super) struct Size {
    permits: Arc<Permits>,
    asked: Mutex<Asked>,
}

#[derive(Debug)]
struct Permits {
    available: Arc<Semaphore>,
    surplus: AtomicUsize,
}

#[derive(Debug, Default)]
struct Asked {
    /// The sizes that living handles ask for, and how many handles ask for each.
    sizes: BTreeMap<usize, usize>,
    /// The smallest of them; the last one when there are none.
    total: usize,
}

/// The permit to hold one query, until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    permit: Option<OwnedSemaphorePermit>,
    permits: Arc<Permits>,
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
        let permits = Arc::clone(&self.permits);
        async move {
            let permit = Arc::clone(&permits.available).acquire_owned().await.ok()?;
            Some(ConnectionPermit::new(permit, &permits))
        }
    }

    fn resize(&self, mut asked: MutexGuard<'_, Asked>) {
        let Some((&total, _)) = asked.sizes.first_key_value() else {
            return;
        };
        let before = std::mem::replace(&mut asked.total, total);
        // Not under the lock, since more permits wake those that queue.
        drop(asked);
        if total > before {
            self.permits.grow(total - before);
        } else {
            self.permits.shrink(before - total);
        }
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permits {
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
        }
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
            let size = Size::default();
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
