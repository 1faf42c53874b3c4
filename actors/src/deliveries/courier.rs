//! Sending a batch where its subscribers live.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix::Message;

use super::{
    batch::Batch,
    ready::{Ready, Word},
};

/// So many are sent before those that were sent are let run. The fewer, the more of what they need is still in the
/// cache and in the allocator's own store; the arbiter's other tasks have their turns in between.
const HANDFUL: usize = 6;

/// Sends the updates of a batch on its own arbiter.
///
/// To wake an actor from its own thread costs a fraction of waking it from another one, and one that answers at
/// its turn, or by a task that it begins and that ends at once, is looked at behind that, without a waker. It waits
/// for nobody: whatever is not answered then is the sender's to wait for. So is what is left when the arbiter
/// stops, which drops the courier.
pub(super) struct Courier<M>
where
    M: Message + Send,
    M::Result: Send,
{
    batch: Arc<Batch<M>>,
    ready: Arc<Ready<M>>,
    looked: usize,
    /// Before this turn, and with it.
    sent: (usize, usize),
}

impl<M> Courier<M>
where
    M: Message + Send,
    M::Result: Send,
{
    pub(super) fn new(batch: Arc<Batch<M>>, ready: Arc<Ready<M>>) -> Self {
        Self {
            batch,
            ready,
            looked: 0,
            sent: (0, 0),
        }
    }
}

impl<M> Future for Courier<M>
where
    M: Message + Send,
    M::Result: Send,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let (before, now) = this.sent;
        this.batch.look(this.looked..before);
        this.looked = before;
        if this.looked == this.batch.len() {
            return Poll::Ready(());
        }
        this.sent = (now, (now + HANDFUL).min(this.batch.len()));
        this.batch.send(now..this.sent.1);
        // Behind those that were just woken.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<M> Drop for Courier<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn drop(&mut self) {
        // Told once: a word wakes the sender's thread, and those who have answered need not wait for it.
        self.ready
            .tell(Word::Carried(Arc::clone(&self.batch), 0..self.batch.len()));
    }
}
