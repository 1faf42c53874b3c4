//! Updates in flight: sent to subscribers and not yet acknowledged, at most one for each subscription.
//!
//! Each update waits under a waker of its own, so an acknowledgement costs the same however many updates are
//! in flight. Dropping an update takes its message back out of the subscriber's mailbox; that is how a
//! subscription ends without waiting for a busy handler or a blocked thread.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use actix::MailboxError;
use tokio::task::unconstrained;

use crate::messages::{subscriber::Reply, subscription_id::SubscriptionId};

/// An update that was handled, or whose subscriber lost it.
pub(crate) struct Acknowledgement {
    pub(crate) id: SubscriptionId,
    pub(crate) result: Result<(), MailboxError>,
}

/// Sends updates to subscribers, one at a time to each.
pub(crate) trait Outbox {
    /// Waits for the reply to an update that was just sent to this subscription.
    fn send(&mut self, id: SubscriptionId, reply: Reply);

    /// Takes back what this subscription has not begun to handle.
    fn retract(&mut self, id: SubscriptionId);

    /// The next acknowledgement.
    fn poll_ack(&mut self, context: &mut Context<'_>) -> Poll<Acknowledgement>;
}

/// The updates in flight of one actor. They outlive its restarts, and can be [transferred](Self::transfer).
///
/// A watch is idle most of its life, so the maps exist only while something is in flight.
#[derive(Default)]
pub(crate) struct InFlight {
    state: Option<Box<InFlightState>>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct InFlightState {
    updates: HashMap<SubscriptionId, (Reply, Waker)>,
    /// Subscriptions whose wakers were called, in order.
    due: VecDeque<SubscriptionId>,
    woken: Arc<WakeQueue>,
}

/// The subscriptions whose replies may have come. Replies wake from any thread.
#[derive(Default)]
struct WakeQueue(Mutex<WakeQueueState>);

#[derive(Default)]
struct WakeQueueState {
    subscriptions: VecDeque<SubscriptionId>,
    waker: Option<Waker>,
}

/// The waker of one subscription's update.
struct SubscriptionWaker {
    id: SubscriptionId,
    queue: Arc<WakeQueue>,
}

impl WakeQueue {
    /// No panic can leave the state half-written, so a poisoned lock is as good as a clean one.
    fn lock(&self) -> MutexGuard<'_, WakeQueueState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for SubscriptionWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waker = {
            let mut queue = self.queue.lock();
            queue.subscriptions.push_back(self.id);
            queue.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl InFlight {
    /// Whether nothing is in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.state
            .as_ref()
            .is_none_or(|state| state.updates.is_empty())
    }

    /// Moves the update of this subscription to another host.
    pub(crate) fn transfer(&mut self, id: SubscriptionId, to: &mut Self) {
        if let Some(reply) = self.take(id) {
            to.send(id, reply);
        }
    }

    fn take(&mut self, id: SubscriptionId) -> Option<Reply> {
        let (reply, _) = self.state.as_mut()?.updates.remove(&id)?;
        Some(reply)
    }
}

impl Outbox for InFlight {
    fn send(&mut self, id: SubscriptionId, reply: Reply) {
        let state = self.state.get_or_insert_default();
        let waker = Waker::from(Arc::new(SubscriptionWaker {
            id,
            queue: Arc::clone(&state.woken),
        }));
        state.updates.insert(id, (reply, waker));
        // Its waker is registered by the first poll.
        state.due.push_back(id);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn retract(&mut self, id: SubscriptionId) {
        drop(self.take(id));
    }

    fn poll_ack(&mut self, context: &mut Context<'_>) -> Poll<Acknowledgement> {
        while let Some(state) = &mut self.state {
            let Some(id) = state.next_due(context.waker()) else {
                break;
            };
            // A retracted update may have woken before.
            let Some((reply, waker)) = state.updates.get_mut(&id) else {
                continue;
            };
            // Outside tokio's budget: a spent one would call the waker from here, without a reply.
            let polled = pin!(unconstrained(reply)).poll(&mut Context::from_waker(waker));
            if let Poll::Ready(result) = polled {
                state.updates.remove(&id);
                return Poll::Ready(Acknowledgement { id, result });
            }
        }
        if self.is_empty() {
            self.state = None;
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl InFlightState {
    /// The next subscription to poll. When there is none, `waker` is woken by the next reply.
    fn next_due(&mut self, waker: &Waker) -> Option<SubscriptionId> {
        if self.due.is_empty() {
            let mut woken = self.woken.lock();
            if woken.subscriptions.is_empty() {
                woken.waker = Some(waker.clone());
            }
            std::mem::swap(&mut self.due, &mut woken.subscriptions);
        }
        self.due.pop_front()
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let updates = self.state.as_ref().map_or(0, |state| state.updates.len());
        f.debug_struct("InFlight")
            .field("updates", &updates)
            .finish()
    }
}

#[cfg(test)]
mod tests;
