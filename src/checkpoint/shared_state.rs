//! [`SharedState`]: the state that a checkpointed subscription shares with the engine.
//!
//! The engine ends a subscription by dropping what it holds of it, on its own thread, before it replies to
//! `Stop`. That ends this state too. When the reply arrives, the update has been taken back from the
//! subscriber's mailbox, and no checkpoint is written any more.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use actix::{MailboxError, Message, dev::RecipientRequest};
use consul_watch_actors::Subscriber;

use super::{
    Checkpoint,
    file::{CheckpointError, CheckpointFile},
};

/// The update that was forwarded and the checkpoint of one subscription.
pub(super) struct SharedState<M: Message<Result = ()> + Send>(Mutex<Inner<M>>);

struct Inner<M: Message<Result = ()> + Send> {
    /// The update that the subscriber has not handled yet.
    request: Option<Pin<Box<RecipientRequest<M>>>>,
    /// The task that waits for its reply.
    waiting: Option<Waker>,
    /// Whether the subscription has ended.
    ended: bool,
    /// The checkpoint in the file.
    checkpoint: Option<Checkpoint>,
    /// The number of the last write that was begun.
    begun: u64,
    /// The number of the last write that was committed.
    committed: u64,
}

/// Ends the subscription's state when it is dropped. The engine holds it as long as the subscription lives.
pub(super) struct EndGuard<M: Message<Result = ()> + Send>(Arc<SharedState<M>>);

/// A write that was begun, by its number. It is not committed after a later one.
pub(super) struct PendingWrite(u64);

impl<M: Message<Result = ()> + Send + 'static> SharedState<M> {
    pub(super) fn new(checkpoint: Option<Checkpoint>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            request: None,
            waiting: None,
            ended: false,
            checkpoint,
            begun: 0,
            committed: 0,
        })))
    }

    pub(super) fn end_guard(self: &Arc<Self>) -> EndGuard<M> {
        EndGuard(Arc::clone(self))
    }

    /// Returns the checkpoint in the file.
    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        self.lock().checkpoint.clone()
    }

    /// Forwards an update. Returns false if the subscriber is gone or the subscription has ended.
    pub(super) fn send(&self, subscriber: &Subscriber<M>, message: M) -> bool {
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        state.request = subscriber.send(message).map(Box::pin);
        state.request.is_some()
    }

    /// Waits for the subscriber's reply. It is an error if its actor lost the update or the subscription has
    /// ended.
    pub(super) async fn answer(&self) -> Result<(), MailboxError> {
        poll_fn(|task| {
            let mut state = self.lock();
            let answer = match &mut state.request {
                Some(request) => request.as_mut().poll(task),
                None => Poll::Ready(Err(MailboxError::Closed)),
            };
            state.waiting = answer.is_pending().then(|| task.waker().clone());
            if answer.is_ready() {
                state.request = None;
            }
            answer
        })
        .await
    }

    /// Discards the writes under way: an update is forwarded, and what they would record is older.
    pub(super) fn discard_writes(&self) {
        let mut state = self.lock();
        state.committed = state.begun;
    }

    /// Begins a write.
    pub(super) fn write(&self) -> PendingWrite {
        let mut state = self.lock();
        state.begun += 1;
        PendingWrite(state.begun)
    }

    /// Writes the checkpoint, unless the subscription has ended meanwhile or a later write was committed.
    pub(super) fn commit(
        &self,
        PendingWrite(number): PendingWrite,
        file: &CheckpointFile,
        checkpoint: Checkpoint,
    ) -> Result<(), CheckpointError> {
        let outdated = |state: &Inner<M>| state.ended || number <= state.committed;
        if outdated(&self.lock()) {
            return Ok(());
        }
        let prepared = file.prepare(&checkpoint)?;
        // Held until the file is in place, so that the subscription cannot end in between. The disk was waited
        // for before.
        let mut state = self.lock();
        if !outdated(&state) {
            prepared.replace()?;
            state.committed = number;
            state.checkpoint = Some(checkpoint);
            drop(state);
            file.sync_folder()?;
        }
        Ok(())
    }
}

impl<M: Message<Result = ()> + Send> SharedState<M> {
    fn lock(&self) -> MutexGuard<'_, Inner<M>> {
        // Nothing that could panic is called while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let (request, waiting) = (state.request.take(), state.waiting.take());
        drop(state);
        // Takes the update back.
        drop(request);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl<M: Message<Result = ()> + Send> Drop for EndGuard<M> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Update;

    fn checkpoint() -> Checkpoint {
        let text = r#"{"watch":"key:a","index":1,"salt":"00","digest":"00"}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_write_that_was_discarded_erases_no_mark() {
        let folder = tempdir().unwrap();
        let file = CheckpointFile::new(folder.path().join("state"));
        let state = SharedState::<Update>::new(None);
        let skipped = state.write();
        state.discard_writes();
        let begun = checkpoint().begun();
        state.commit(state.write(), &file, begun).unwrap();
        state.commit(skipped, &file, checkpoint()).unwrap();
        assert!(state.checkpoint().is_some_and(|it| it.begun));
    }

    #[test]
    fn a_write_that_was_discarded_is_not_the_first_either() {
        let folder = tempdir().unwrap();
        let file = CheckpointFile::new(folder.path().join("state"));
        let state = SharedState::<Update>::new(None);
        let skipped = state.write();
        state.discard_writes();
        state.commit(skipped, &file, checkpoint()).unwrap();
        assert!(state.checkpoint().is_none());
    }
}
