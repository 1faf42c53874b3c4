//! The updates in flight to a watcher's subscribers.

mod batch;
mod courier;
mod home;
mod ready;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    ops::Range,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use actix::{MailboxError, Message, dev::RecipientRequest};
use tokio::task::unconstrained;

pub(crate) use self::{batch::Target, home::Home};
use self::{
    batch::{Batch, Leg, Parcel},
    courier::Courier,
    ready::{Call, Ready, Word},
};
use crate::SubscriptionId;

/// From so many on, updates for one arbiter are carried there together. Fewer are not worth an errand.
const BATCH: usize = 8;

/// So many are carried away at once, so that their arbiter has work while more are gathered.
const LOAD: usize = 1_024;

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

/// What came of an update.
pub(crate) struct Answered<R> {
    pub(crate) id: SubscriptionId,
    pub(crate) answer: Result<R, MailboxError>,
    /// Where it was answered, if that is news.
    pub(crate) home: Option<Home>,
}

struct Flight<M>
where
    M: Message + Send,
    M::Result: Send,
{
    requests: HashMap<SubscriptionId, InFlight<M>>,
    /// Those with a courier.
    batches: Vec<Arc<Batch<M>>>,
    /// How many updates are in these.
    carried: usize,
    /// By where they go, while they are gathered.
    gathered: Option<Vec<Load<M>>>,
    ready: Arc<Ready<M>>,
    /// What is to be looked at, in turn.
    due: VecDeque<Word<M>>,
}

/// What is gathered for one arbiter.
struct Load<M> {
    home: Home,
    parcels: Vec<Parcel<M>>,
}

enum InFlight<M>
where
    M: Message + Send,
    M::Result: Send,
{
    /// Its answer wakes.
    Sent(Pin<Box<RecipientRequest<M>>>, Waker),
    /// It is known already what came of it; kept where it can be taken back or handed over.
    Settled(Result<M::Result, MailboxError>),
}

impl<M> Deliveries<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    /// Sends an update to a subscriber that was found at `home`; false if nobody is there any more.
    pub(crate) fn send<T>(
        &mut self,
        id: SubscriptionId,
        to: &Arc<T>,
        message: M,
        home: Option<&Home>,
    ) -> bool
    where
        T: Target<M> + 'static,
    {
        let gathered = self
            .flight
            .as_mut()
            .and_then(|flight| flight.gathered.as_mut());
        if let (Some(home), Some(gathered)) = (home, gathered) {
            let parcel = Parcel {
                id,
                to: Arc::clone(to) as Arc<dyn Target<M>>,
                message,
            };
            let at = gathered
                .iter()
                .position(|load| load.home.is(home))
                .unwrap_or_else(|| {
                    gathered.push(Load {
                        home: home.clone(),
                        parcels: Vec::new(),
                    });
                    gathered.len() - 1
                });
            let load = &mut gathered[at];
            load.parcels.push(parcel);
            if load.parcels.len() == LOAD {
                let parcels = std::mem::take(&mut load.parcels);
                self.carry(home, parcels);
            }
            return true;
        }
        let Some(request) = to.send(message) else {
            return false;
        };
        self.wait_for(id, Box::pin(request));
        true
    }

    /// Updates are gathered from here on, until they are [dispatched](Self::dispatch).
    pub(crate) fn gather(&mut self) {
        self.flight().gathered.get_or_insert_default();
    }

    /// Sends what was gathered: false if that was nothing.
    pub(crate) fn dispatch(&mut self) -> bool {
        let Some(flight) = &mut self.flight else {
            return false;
        };
        let gathered = flight.gathered.take().unwrap_or_default();
        let some = !gathered.is_empty();
        for Load { home, parcels } in gathered {
            if parcels.len() < BATCH {
                for Parcel { id, to, message } in parcels {
                    self.send_on(id, &*to, message);
                }
            } else {
                self.carry(&home, parcels);
            }
        }
        if some {
            self.wake();
        }
        some
    }

    fn carry(&mut self, home: &Home, parcels: Vec<Parcel<M>>) {
        let flight = self.flight();
        // What is not held by a courier any more, nor by its word, was taken out to the end.
        flight.batches.retain(|batch| Arc::strong_count(batch) > 1);
        flight.carried += parcels.len();
        let batch = Arc::new(Batch::new(parcels));
        flight.batches.push(Arc::clone(&batch));
        home.run(Courier::new(batch, Arc::clone(&flight.ready)));
    }

    fn send_on(&mut self, id: SubscriptionId, to: &dyn Target<M>, message: M) {
        match to.send(message) {
            Some(request) => self.wait_for(id, Box::pin(request)),
            None => self.settle(id, Err(MailboxError::Closed)),
        }
    }

    fn wait_for(
        &mut self,
        subscription: SubscriptionId,
        mut request: Pin<Box<RecipientRequest<M>>>,
    ) {
        let flight = self.flight();
        let call = Waker::from(Arc::new(Call {
            subscription,
            ready: Arc::clone(&flight.ready),
        }));
        // Looked at before it is handled, or its answer would not call, and not tell from where.
        match look(&mut request, &call) {
            Poll::Ready(answer) => self.settle(subscription, answer),
            Poll::Pending => {
                flight
                    .requests
                    .insert(subscription, InFlight::Sent(request, call));
                self.wake();
            }
        }
    }

    fn settle(&mut self, id: SubscriptionId, answer: Result<M::Result, MailboxError>) {
        let flight = self.flight();
        flight.requests.insert(id, InFlight::Settled(answer));
        flight.due.push_back(Word::Called(id, None));
        self.wake();
    }

    fn flight(&mut self) -> &mut Flight<M> {
        self.flight.get_or_insert_with(Box::default)
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.flight.as_ref().is_none_or(|flight| flight.is_empty())
    }

    /// Takes back what this subscriber has not begun to handle.
    pub(crate) fn cancel(&mut self, subscription: SubscriptionId) {
        if let Some(flight) = &mut self.flight {
            drop(flight.take(subscription));
        }
    }

    /// Lets others wait for what is on its way to this subscriber.
    pub(crate) fn hand_over(&mut self, subscription: SubscriptionId, others: &mut Self) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        match flight.take(subscription) {
            Leg::Packed(to, message) => others.send_on(subscription, &*to, message),
            Leg::Sent(request) => others.wait_for(subscription, request),
            Leg::Answered(answer) => others.settle(subscription, answer),
            Leg::Empty => {}
        }
    }

    /// The next answer.
    pub(crate) fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Answered<M::Result>> {
        while let Some(flight) = &mut self.flight {
            let answered = match flight.word(context.waker()) {
                None => break,
                Some(Word::Called(id, home)) => {
                    flight.look(id).map(|answer| Answered { id, answer, home })
                }
                Some(Word::Carried(batch, these)) => self.unload(batch, these),
            };
            if let Some(answered) = answered {
                return Poll::Ready(answered);
            }
        }
        if self.is_empty() {
            self.flight = None;
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Takes the first of these from their batch.
    fn unload(
        &mut self,
        batch: Arc<Batch<M>>,
        mut these: Range<usize>,
    ) -> Option<Answered<M::Result>> {
        let flight = self.flight.as_mut()?;
        let at = these.next()?;
        let (id, leg) = (batch.id(at)?, flight.unload(&batch, at));
        if !these.is_empty() {
            flight.due.push_front(Word::Carried(batch, these));
        }
        match leg {
            Leg::Answered(answer) => {
                return Some(Answered {
                    id,
                    answer,
                    home: None,
                });
            }
            Leg::Sent(request) => self.wait_for(id, request),
            // The courier went with its arbiter; nobody else may be gone.
            Leg::Packed(to, message) => self.send_on(id, &*to, message),
            Leg::Empty => {}
        }
        None
    }
}

impl<M> Flight<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn is_empty(&self) -> bool {
        let gathered = self
            .gathered
            .as_ref()
            .is_some_and(|loads| loads.iter().any(|load| !load.parcels.is_empty()));
        self.requests.is_empty() && self.carried == 0 && !gathered
    }

    /// The next word; when there is none, `waker` is woken by the one that comes.
    fn word(&mut self, waker: &Waker) -> Option<Word<M>> {
        if self.due.is_empty() {
            self.ready.swap(&mut self.due, waker);
        }
        self.due.pop_front()
    }

    /// Looks whether this one is answered.
    fn look(&mut self, id: SubscriptionId) -> Option<Result<M::Result, MailboxError>> {
        // One that was taken back may have been called before.
        match self.requests.remove(&id)? {
            InFlight::Settled(answer) => Some(answer),
            InFlight::Sent(mut request, call) => match look(&mut request, &call) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => {
                    self.requests.insert(id, InFlight::Sent(request, call));
                    None
                }
            },
        }
    }

    /// Takes out what is on its way to this subscriber.
    fn take(&mut self, id: SubscriptionId) -> Leg<M> {
        match self.requests.remove(&id) {
            Some(InFlight::Sent(request, _)) => return Leg::Sent(request),
            Some(InFlight::Settled(answer)) => return Leg::Answered(answer),
            None => {}
        }
        for Load { parcels, .. } in self.gathered.iter_mut().flatten() {
            if let Some(at) = parcels.iter().position(|parcel| parcel.id == id) {
                let Parcel { to, message, .. } = parcels.swap_remove(at);
                return Leg::Packed(to, message);
            }
        }
        let leg = self.batches.iter().find_map(|batch| batch.take_of(id));
        self.carried -= usize::from(leg.is_some());
        leg.unwrap_or_default()
    }

    /// Takes one out of a batch.
    fn unload(&mut self, batch: &Batch<M>, at: usize) -> Leg<M> {
        let leg = batch.take(at);
        self.carried -= usize::from(leg.is_some());
        leg.unwrap_or_default()
    }
}

/// Looks whether a request is answered. Not within tokio's budget: one that is spent would have the waker called
/// from here, as if it were the answer that calls.
fn look<M>(
    request: &mut Pin<Box<RecipientRequest<M>>>,
    call: &Waker,
) -> Poll<Result<M::Result, MailboxError>>
where
    M: Message + Send,
    M::Result: Send,
{
    pin!(unconstrained(request.as_mut())).poll(&mut Context::from_waker(call))
}

/// What is on its way is taken back.
impl<M> Drop for Flight<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn drop(&mut self) {
        for batch in &self.batches {
            batch.clear();
        }
    }
}

impl<M> Default for Flight<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn default() -> Self {
        Self {
            requests: HashMap::new(),
            batches: Vec::new(),
            carried: 0,
            gathered: None,
            ready: Arc::default(),
            due: VecDeque::new(),
        }
    }
}

impl<M> Default for Deliveries<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn default() -> Self {
        Self {
            flight: None,
            waker: None,
        }
    }
}

impl<M> fmt::Debug for Deliveries<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_flight = self
            .flight
            .as_ref()
            .map_or(0, |flight| flight.requests.len() + flight.carried);
        f.debug_struct("Deliveries")
            .field("in_flight", &in_flight)
            .finish()
    }
}
