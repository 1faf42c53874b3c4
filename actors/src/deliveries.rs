//! The updates in flight to a watcher's subscribers.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use actix::{MailboxError, Message, dev::RecipientRequest};
use futures_util::{Stream, stream::FuturesUnordered};

use crate::SubscriptionId;

/// The answers that are waited for, at most one a subscriber. They outlive restarts of the watcher:
/// dropping one takes the message back out of the subscriber's mailbox.
pub(crate) struct Deliveries<M>
where
    M: Message + Send,
    M::Result: Send,
{
    waiting: FuturesUnordered<Answer<M>>,
    places: HashMap<SubscriptionId, Place<M>>,
    waker: Option<Waker>,
}

/// A request that can be taken away from whoever waits for it.
type Place<M> = Arc<Mutex<InFlight<M>>>;

struct InFlight<M>
where
    M: Message + Send,
    M::Result: Send,
{
    request: Option<Pin<Box<RecipientRequest<M>>>>,
    /// Who waits: an answer that was taken away has to be let go of, or it would stay for ever.
    waiter: Option<Waker>,
}

struct Answer<M>
where
    M: Message + Send,
    M::Result: Send,
{
    subscription: SubscriptionId,
    place: Place<M>,
}

impl<M> Future for Answer<M>
where
    M: Message + Send,
    M::Result: Send,
{
    type Output = (SubscriptionId, Option<Result<M::Result, MailboxError>>);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(request) = place.request.as_mut() else { return Poll::Ready((self.subscription, None)) };
        match request.as_mut().poll(context) {
            Poll::Pending => {
                place.waiter = Some(context.waker().clone());
                Poll::Pending
            }
            Poll::Ready(answer) => {
                place.request = None;
                Poll::Ready((self.subscription, Some(answer)))
            }
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
        let in_flight = InFlight { request: Some(request), waiter: None };
        let place = Arc::new(Mutex::new(in_flight));
        self.places.insert(subscription, Arc::clone(&place));
        self.waiting.push(Answer { subscription, place });
        // A set that was found empty does not wake by itself.
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Takes back what this subscriber has not begun to handle.
    pub(crate) fn cancel(&mut self, subscription: SubscriptionId) {
        drop(self.take(subscription));
    }

    fn take(&mut self, subscription: SubscriptionId) -> Option<Pin<Box<RecipientRequest<M>>>> {
        let place = self.places.remove(&subscription)?;
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        let request = place.request.take();
        let waiter = place.waiter.take();
        drop(place);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        request
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
        loop {
            match Pin::new(&mut self.waiting).poll_next(context) {
                Poll::Ready(Some((subscription, Some(answer)))) => {
                    self.places.remove(&subscription);
                    return Poll::Ready((subscription, answer));
                }
                Poll::Ready(Some((_, None))) => {}
                Poll::Ready(None) | Poll::Pending => {
                    self.waker = Some(context.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<M> Default for Deliveries<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn default() -> Self {
        Self { waiting: FuturesUnordered::new(), places: HashMap::new(), waker: None }
    }
}

impl<M> fmt::Debug for Deliveries<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").field("in_flight", &self.waiting.len()).finish()
    }
}
