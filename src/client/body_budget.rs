//! [`BodyPermit`]: the share of an answer in the memory that all answers of the process may take while they arrive.
//!
//! A body grows as it arrives, since most of Consul's have no length in their head. It waits where the budget is used
//! up, in the order of asking. So that bodies that wait for each other come to an end, a part of the budget as large as
//! the largest body is set aside: the first in the queue takes it, and needs no more waiting until its end.

use std::{
    cell::Cell,
    collections::BTreeMap,
    future::poll_fn,
    rc::Rc,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use tokio::time::Instant;

/// The bytes that a body asks for at least: fewer requests for more.
const MIN_STEP: usize = 64 * 1024;

/// The bodies of the process.
static BUDGET: Mutex<State> = Mutex::new(State::new());

#[derive(Debug)]
struct State {
    /// The bytes of all bodies but that of the express permit.
    used: usize,
    /// Whether a body has what is set aside.
    express: bool,
    next_ticket: u64,
    /// Those that wait, by their tickets.
    queue: BTreeMap<u64, Waker>,
}

/// The budget that a body counts against: all bodies of the process do, whatever their own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyBudget {
    total: usize,
    /// The greatest size of a body.
    limit: usize,
}

/// The bytes of one body in the budget. Dropping it gives them back.
#[derive(Debug)]
pub(crate) struct BodyPermit {
    budget: BodyBudget,
    state: &'static Mutex<State>,
    /// The bytes in `used`.
    held: usize,
    /// Whether it has what is set aside, and so may have any size.
    express: bool,
    waited: Rc<Waited>,
}

/// The time that a body has waited for room.
#[derive(Debug, Default)]
pub(crate) struct Waited {
    before: Cell<Duration>,
    since: Cell<Option<Instant>>,
}

/// The place in the queue, which is left when it is dropped.
struct Place {
    state: &'static Mutex<State>,
    ticket: u64,
}

impl State {
    const fn new() -> Self {
        Self {
            used: 0,
            express: false,
            next_ticket: 0,
            queue: BTreeMap::new(),
        }
    }

    /// Wakes the one whose turn it is.
    fn wake_first(&self) {
        if let Some(first) = self.queue.values().next() {
            first.wake_by_ref();
        }
    }
}

impl BodyBudget {
    /// Returns the budget of `total` bytes for bodies of at most `limit` bytes.
    pub(crate) fn new(total: usize, limit: usize) -> Self {
        Self { total, limit }
    }

    /// The greatest size of a body: the limit, or the whole budget where that is less.
    pub(crate) fn max_body(&self) -> usize {
        self.limit.min(self.total)
    }

    /// The setting that bounds the size of a body.
    pub(crate) fn setting(&self) -> &'static str {
        if self.total < self.limit {
            "body_budget"
        } else {
            "body_limit"
        }
    }

    /// Returns the permit of a body, of which nothing has arrived.
    pub(crate) fn permit(self) -> BodyPermit {
        self.permit_of(&BUDGET)
    }

    fn permit_of(self, state: &'static Mutex<State>) -> BodyPermit {
        BodyPermit {
            budget: self,
            state,
            held: 0,
            express: false,
            waited: Rc::default(),
        }
    }
}

impl BodyPermit {
    pub(crate) fn budget(&self) -> BodyBudget {
        self.budget
    }

    /// Waits until the body may have this size.
    pub(crate) async fn grow(&mut self, size: usize) {
        if self.express || size <= self.held {
            return;
        }
        let least = size - self.held;
        // A body that grows asks for as much again, so that it asks seldom.
        let step = if self.held == 0 {
            least
        } else {
            least.max(self.held.max(MIN_STEP))
        };
        let wanted = step.min(self.budget.max_body().max(size) - self.held);
        let mut place: Option<Place> = None;
        poll_fn(|task| {
            let mut state = lock(self.state);
            let first = match &place {
                None => state.queue.is_empty(),
                Some(place) => state.queue.keys().next() == Some(&place.ticket),
            };
            let shared = self.budget.total - self.budget.max_body();
            if first && state.used.saturating_add(wanted) <= shared {
                state.used += wanted;
                self.held += wanted;
                return Poll::Ready(());
            }
            if first && !state.express {
                state.express = true;
                self.express = true;
                return Poll::Ready(());
            }
            let ticket = if let Some(place) = &place {
                place.ticket
            } else {
                state.next_ticket += 1;
                let ticket = state.next_ticket;
                place = Some(Place {
                    state: self.state,
                    ticket,
                });
                self.waited.since.set(Some(Instant::now()));
                ticket
            };
            state.queue.insert(ticket, task.waker().clone());
            Poll::Pending
        })
        .await;
        drop(place);
        self.waited.end();
    }

    /// The time that it waits, which does not count as time of the peer.
    pub(crate) fn waited(&self) -> Rc<Waited> {
        Rc::clone(&self.waited)
    }
}

impl Waited {
    fn end(&self) {
        if let Some(since) = self.since.take() {
            self.before.set(self.before.get() + since.elapsed());
        }
    }

    /// Returns the time of waiting since the last call.
    pub(crate) fn take(&self) -> Duration {
        let waits = self.since.get().is_some();
        self.end();
        self.since.set(waits.then(Instant::now));
        self.before.take()
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        let mut state = lock(self.state);
        state.used -= self.held;
        if self.express {
            state.express = false;
        }
        state.wake_first();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(self.state);
        state.queue.remove(&self.ticket);
        state.wake_first();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};
    use tokio::time::{sleep, timeout};

    use super::*;

    fn state() -> &'static Mutex<State> {
        Box::leak(Box::new(Mutex::new(State::new())))
    }

    fn permit(state: &'static Mutex<State>, total: usize, limit: usize) -> BodyPermit {
        BodyBudget::new(total, limit).permit_of(state)
    }

    #[test]
    fn a_body_waits_for_room_and_is_the_next_to_get_it() {
        let state = state();
        let mut taken = permit(state, 300, 100);
        assert!(taken.grow(150).now_or_never().is_some());
        let mut express = permit(state, 300, 100);
        assert!(express.grow(60).now_or_never().is_some() && express.express);
        let (mut large, mut small) = (permit(state, 300, 100), permit(state, 300, 100));
        let mut first = Box::pin(large.grow(60));
        assert!(first.as_mut().now_or_never().is_none(), "no room");
        let mut second = Box::pin(small.grow(10));
        assert!(
            second.as_mut().now_or_never().is_none(),
            "it would fit, and does not overtake"
        );
        drop(taken);
        assert!(second.as_mut().now_or_never().is_none());
        assert!(first.as_mut().now_or_never().is_some());
        assert!(second.as_mut().now_or_never().is_some());
        drop((first, second));
        drop((large, small, express));
        assert_eq!(lock(state).used, 0);
    }

    #[test]
    fn one_that_gives_up_leaves_the_queue() {
        let state = state();
        let mut express = permit(state, 100, 100);
        assert!(express.grow(1).now_or_never().is_some());
        let (mut left, mut next) = (permit(state, 100, 100), permit(state, 100, 100));
        let mut first = Box::pin(left.grow(1));
        let mut second = Box::pin(next.grow(1));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        drop(express);
        assert!(second.now_or_never().is_some());
    }

    /// Bodies that all hold a part of what the others wait for.
    #[tokio::test(start_paused = true)]
    async fn bodies_that_grow_together_all_come_to_an_end_within_the_budget() {
        const TOTAL: usize = 8 * 1024 * 1024;
        const BODY: usize = 3 * 1024 * 1024;
        let state = state();
        let arrived = Rc::new(Cell::new((0_usize, 0_usize)));
        let bodies = (0..50).map(|number| {
            let arrived = Rc::clone(&arrived);
            async move {
                let mut permit = permit(state, TOTAL, BODY);
                let mut size = 0;
                while size < BODY {
                    let piece = (BODY - size).min(100_000 + number * 7);
                    permit.grow(size + piece).await;
                    size += piece;
                    let (now, most) = arrived.get();
                    arrived.set((now + piece, most.max(now + piece)));
                    sleep(Duration::from_millis(1)).await;
                }
                let (now, most) = arrived.get();
                arrived.set((now - BODY, most));
            }
        });
        let all = timeout(Duration::from_secs(3600), join_all(bodies)).await;
        assert!(all.is_ok(), "they wait for each other");
        let (left, most) = arrived.get();
        assert_eq!((left, lock(state).used), (0, 0));
        assert!(most <= TOTAL && most > BODY, "{most}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_waiting_is_known_while_it_lasts() {
        let state = state();
        let mut express = permit(state, 100, 100);
        express.grow(1).await;
        let mut waiting = permit(state, 100, 100);
        let waited = waiting.waited();
        let late = timeout(Duration::from_secs(3), waiting.grow(1)).await;
        assert!(late.is_err());
        assert_eq!(waited.take(), Duration::from_secs(3));
    }
}
