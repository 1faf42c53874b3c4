//! The updates in flight to a watcher's subscribers.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use actix::{MailboxError, Message, dev::RecipientRequest};

use crate::SubscriptionId;

/// The answers that are waited for, at most one a subscriber. They outlive restarts of the watcher:
/// dropping one takes the message back out of the subscriber's mailbox.
///
/// A watch is idle most of its life, so what is needed while something is in flight is made then.
pub(crate) struct Deliveries<M>
where
    M: Message + Send,
    M::Result: Send,
{
    flight: Option<Box<Flight<M>>>,
    waker: Option<Waker>,
}

struct Flight<M>
where
    M: Message + Send,
    M::Result: Send,
{
    requests: HashMap<SubscriptionId, InFlight<M>>,
    ready: Arc<Ready>,
    /// Those called up to now, in turn.
    due: VecDeque<SubscriptionId>,
}

struct InFlight<M>
where
    M: Message + Send,
    M::Result: Send,
{
    request: Pin<Box<RecipientRequest<M>>>,
    call: Waker,
}

/// Whose answers may have come.
#[derive(Default)]
struct Ready(Mutex<Called>);

#[derive(Default)]
struct Called {
    subscriptions: VecDeque<SubscriptionId>,
    waker: Option<Waker>,
}

/// Wakes for one subscription.
struct Call {
    subscription: SubscriptionId,
    ready: Arc<Ready>,
}

impl Ready {
    /// Nothing in here can be left half-written.
    fn lock(&self) -> MutexGuard<'_, Called> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut called = self.ready.lock();
        called.subscriptions.push_back(self.subscription);
        let waker = called.waker.take();
        drop(called);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<M> Deliveries<M>
where
    M: Message + Send,
    M::Result: Send,
{
    /// Waits for the answer to a message that was just sent.
    pub(crate) fn push(&mut self, subscription: SubscriptionId, request: RecipientRequest<M>) {
        self.wait_for(subscription, Box::pin(request));
    }

    fn wait_for(&mut self, subscription: SubscriptionId, request: Pin<Box<RecipientRequest<M>>>) {
        let flight = self.flight.get_or_insert_with(|| Box::new(Flight::new()));
        let call = Waker::from(Arc::new(Call { subscription, ready: Arc::clone(&flight.ready) }));
        flight.requests.insert(subscription, InFlight { request, call });
        // It has not been looked at yet, so nothing else would wake for it.
        flight.due.push_back(subscription);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.flight.as_ref().is_none_or(|flight| flight.requests.is_empty())
    }

    /// Takes back what this subscriber has not begun to handle.
    pub(crate) fn cancel(&mut self, subscription: SubscriptionId) {
        drop(self.take(subscription));
    }

    fn take(&mut self, subscription: SubscriptionId) -> Option<Pin<Box<RecipientRequest<M>>>> {
        Some(self.flight.as_mut()?.requests.remove(&subscription)?.request)
    }

    /// Lets others wait for what is on its way to this subscriber.
    pub(crate) fn hand_over(&mut self, subscription: SubscriptionId, others: &mut Self) {
        if let Some(request) = self.take(subscription) {
            others.wait_for(subscription, request);
        }
    }

    /// The next answer.
    pub(crate) fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<(SubscriptionId, Result<M::Result, MailboxError>)> {
        while let Some(flight) = &mut self.flight {
            let Some(subscription) = flight.called(context.waker()) else { break };
            // One that was taken back may have been called before.
            let Some(in_flight) = flight.requests.get_mut(&subscription) else { continue };
            let mut call = Context::from_waker(&in_flight.call);
            if let Poll::Ready(answer) = in_flight.request.as_mut().poll(&mut call) {
                flight.requests.remove(&subscription);
                return Poll::Ready((subscription, answer));
            }
        }
        if self.is_empty() {
            self.flight = None;
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<M> Flight<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn new() -> Self {
        Self { requests: HashMap::new(), ready: Arc::default(), due: VecDeque::new() }
    }

    /// The next that was called; when there is none, `waker` is woken by the one that will be.
    fn called(&mut self, waker: &Waker) -> Option<SubscriptionId> {
        if self.due.is_empty() {
            let mut called = self.ready.lock();
            if called.subscriptions.is_empty() {
                called.waker = Some(waker.clone());
            }
            std::mem::swap(&mut self.due, &mut called.subscriptions);
        }
        self.due.pop_front()
    }
}

impl<M> Default for Deliveries<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn default() -> Self {
        Self { flight: None, waker: None }
    }
}

impl<M> fmt::Debug for Deliveries<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_flight = self.flight.as_ref().map_or(0, |flight| flight.requests.len());
        f.debug_struct("Deliveries").field("in_flight", &in_flight).finish()
    }
}
