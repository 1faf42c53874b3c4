//! Updates for many subscribers on one arbiter.

use std::{
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use actix::{MailboxError, Message, dev::RecipientRequest};

use crate::SubscriptionId;

/// Where an update goes.
pub(crate) trait Target<M>: Send + Sync
where
    M: Message + Send,
    M::Result: Send,
{
    /// Sends it; `None` when nobody is there any more.
    fn send(&self, message: M) -> Option<RecipientRequest<M>>;
}

/// An update that is to be sent.
pub(super) struct Parcel<M> {
    pub(super) id: SubscriptionId,
    pub(super) to: Arc<dyn Target<M>>,
    pub(super) message: M,
}

/// The updates of a batch, each at its place; the sender and the courier both reach them.
pub(super) struct Batch<M>
where
    M: Message + Send,
    M::Result: Send,
{
    /// Whose they are, in order.
    ids: Vec<SubscriptionId>,
    legs: Mutex<Vec<Leg<M>>>,
}

/// How far one update has come.
#[derive(Default)]
pub(super) enum Leg<M>
where
    M: Message + Send,
    M::Result: Send,
{
    /// It is not sent yet.
    Packed(Arc<dyn Target<M>>, M),
    /// It is in the subscriber's mailbox, or its handler is at work.
    Sent(Pin<Box<RecipientRequest<M>>>),
    Answered(Result<M::Result, MailboxError>),
    /// It was taken out.
    #[default]
    Empty,
}

impl<M> Batch<M>
where
    M: Message + Send,
    M::Result: Send,
{
    pub(super) fn new(mut parcels: Vec<Parcel<M>>) -> Self {
        parcels.sort_by_key(|parcel| parcel.id);
        let ids = parcels.iter().map(|parcel| parcel.id).collect();
        let legs = parcels
            .into_iter()
            .map(|parcel| Leg::Packed(parcel.to, parcel.message))
            .collect();
        Self {
            ids,
            legs: Mutex::new(legs),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whose the one at this place is.
    pub(super) fn id(&self, at: usize) -> Option<SubscriptionId> {
        self.ids.get(at).copied()
    }

    /// Takes one out, however far it has come; `None` if it was before. The caller drops it, outside the lock.
    pub(super) fn take(&self, at: usize) -> Option<Leg<M>> {
        let leg = self.lock().get_mut(at).map(std::mem::take);
        leg.filter(|leg| !matches!(leg, Leg::Empty))
    }

    /// Takes this subscription's out.
    pub(super) fn take_of(&self, id: SubscriptionId) -> Option<Leg<M>> {
        self.take(self.ids.binary_search(&id).ok()?)
    }

    /// Takes all of them out.
    pub(super) fn clear(&self) {
        let legs = std::mem::take(&mut *self.lock());
        drop(legs);
    }

    /// Sends these.
    pub(super) fn send(&self, these: Range<usize>) {
        for leg in self.lock().iter_mut().skip(these.start).take(these.len()) {
            if let Leg::Packed(..) = leg
                && let Leg::Packed(to, message) = std::mem::take(leg)
            {
                *leg = match to.send(message) {
                    Some(request) => Leg::Sent(Box::pin(request)),
                    None => Leg::Answered(Err(MailboxError::Closed)),
                };
            }
        }
    }

    /// Looks which of these are answered, without waiting for the others.
    pub(super) fn look(&self, these: Range<usize>) {
        let mut context = Context::from_waker(Waker::noop());
        for leg in self.lock().iter_mut().skip(these.start).take(these.len()) {
            if let Leg::Sent(request) = leg
                && let Poll::Ready(answer) = request.as_mut().poll(&mut context)
            {
                *leg = Leg::Answered(answer);
            }
        }
    }

    /// No place can be left half-written.
    fn lock(&self) -> MutexGuard<'_, Vec<Leg<M>>> {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
