//! What other threads tell the one that waits for answers.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Wake, Waker},
};

use actix::Message;

use super::{batch::Batch, home::Home};
use crate::SubscriptionId;

/// A reason to look.
pub(super) enum Word<M>
where
    M: Message + Send,
    M::Result: Send,
{
    /// This one's answer may have come; with where that was said.
    Called(SubscriptionId, Option<Home>),
    /// These of a batch have come as far as its courier takes them.
    Carried(Arc<Batch<M>>, Range<usize>),
}

/// The words that have come, in turn.
pub(super) struct Ready<M>(Mutex<Words<M>>)
where
    M: Message + Send,
    M::Result: Send;

struct Words<M>
where
    M: Message + Send,
    M::Result: Send,
{
    come: VecDeque<Word<M>>,
    waker: Option<Waker>,
}

impl<M> Ready<M>
where
    M: Message + Send,
    M::Result: Send,
{
    /// Adds a word, and wakes whoever waits for one.
    pub(super) fn tell(&self, word: Word<M>) {
        let mut words = self.lock();
        words.come.push_back(word);
        let waker = words.waker.take();
        drop(words);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Gives what has come for the empty `due`; when that is nothing, `waker` is woken by the next word.
    pub(super) fn swap(&self, due: &mut VecDeque<Word<M>>, waker: &Waker) {
        let mut words = self.lock();
        if words.come.is_empty() {
            words.waker = Some(waker.clone());
        }
        std::mem::swap(due, &mut words.come);
    }

    /// Nothing in here can be left half-written.
    fn lock(&self) -> MutexGuard<'_, Words<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Default for Ready<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn default() -> Self {
        Self(Mutex::new(Words {
            come: VecDeque::new(),
            waker: None,
        }))
    }
}

/// Wakes for one subscription.
pub(super) struct Call<M>
where
    M: Message + Send,
    M::Result: Send,
{
    pub(super) subscription: SubscriptionId,
    pub(super) ready: Arc<Ready<M>>,
}

impl<M> Wake for Call<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // An answer is given on the thread that the handler ran on.
        self.ready
            .tell(Word::Called(self.subscription, Home::here()));
    }
}
