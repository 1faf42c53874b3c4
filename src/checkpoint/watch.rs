//! [`CheckpointFile::watch`]: a subscription that resumes at its checkpoint.

use std::sync::Arc;

use actix::prelude::*;
use consul_watch_actors::{Changed, Query, Snapshot, Subscriber, Watch};
use serde::Serialize;

use super::{
    Checkpoint,
    file::{CheckpointError, CheckpointFile},
    identity::identity,
    shared_state::SharedState,
    subscriber::{CheckpointingSubscriber, Skipped, SkippedFirst},
};

impl CheckpointFile {
    /// Returns the subscription of `subscriber` to `query` that resumes at this checkpoint, and that writes it
    /// each time the subscriber's handler has finished.
    ///
    /// An update is delivered again after a restart if its handler did not finish, or if its checkpoint could
    /// not be written, which is logged. The file also says when a handler has begun. After a crash in the
    /// middle of an update, the current state is delivered even if it is the one before that update.
    ///
    /// A state that a projection or a predicate of the subscription leaves out counts as handled. Changes that
    /// happen while the application is away are compared as a whole: the first update after a restart may
    /// hold nothing but what these leave out.
    ///
    /// A damaged or empty file is a warning. The subscription then begins with the state as it is.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Read`], [`CheckpointError::NotAFile`], [`CheckpointError::NotACheckpoint`] and
    /// [`CheckpointError::OtherWatch`].
    pub fn watch<Q: Query>(
        &self,
        query: Q,
        subscriber: impl Into<Subscriber<Changed<Q>>>,
    ) -> Result<Watch<Q>, CheckpointError>
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        self.subscription(query, subscriber.into(), false)
    }

    /// Returns a subscription as [`watch`](Self::watch) does, of changes only: as long as there is no checkpoint, the
    /// state found at the start is not delivered, but recorded as handled. A change that happens while the application
    /// is away is delivered after a restart.
    ///
    /// # Errors
    ///
    /// As [`watch`](Self::watch).
    pub fn watch_changes<Q: Query>(
        &self,
        query: Q,
        subscriber: impl Into<Subscriber<Changed<Q>>>,
    ) -> Result<Watch<Q>, CheckpointError>
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        self.subscription(query, subscriber.into(), true)
    }

    fn subscription<Q: Query>(
        &self,
        query: Q,
        subscriber: Subscriber<Changed<Q>>,
        changes_only: bool,
    ) -> Result<Watch<Q>, CheckpointError>
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        let path = query.path();
        let seen = match self.load_or_begin(&path.to_string())? {
            Some(found) => {
                let other = CheckpointError::OtherWatch {
                    path: self.path().to_owned(),
                    found: found.watch.clone(),
                    wanted: identity(&path),
                };
                Some(found.of_watch(&path).ok_or(other)?)
            }
            None => None,
        };
        let shared = SharedState::new(seen.clone());
        let guard = shared.end_guard();
        let proxy = CheckpointingSubscriber::new(self.clone(), subscriber.clone(), shared).start();
        let (writer, skipped) = (proxy.clone(), Arc::new(query.clone()));
        let (first_writer, first_query) = (proxy.clone(), Arc::clone(&skipped));
        let proxy = Subscriber::from(proxy).on_behalf_of(subscriber);
        let watch = Watch::new(query, proxy).on_skipped(move |value, index| {
            // It is dropped with this closure, which the engine drops with the subscription.
            let _ = &guard;
            writer.do_send(Skipped {
                query: Arc::clone(&skipped),
                value: Arc::clone(value),
                index,
            });
        });
        Ok(match seen {
            None if changes_only => watch.skip_first_when(move |first| {
                first_writer.do_send(SkippedFirst(Checkpoint::at(&*first_query, first, 0)));
                true
            }),
            None => watch,
            Some(seen) => seen.resume(watch),
        })
    }
}
