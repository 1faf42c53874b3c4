//! One state that is to be run.

use std::any::TypeId;

use consul_watch_actors::{Backoff, Changed, SubscriptionId, WatchPath};

use super::{
    schedule::Task,
    state::{Facts, State},
};
use crate::handlers::{
    Payload,
    owed::{Acknowledgement, Owed, owed},
};

/// Which feed a state comes by: states of one feed may take each other's place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Lane(TypeId, SubscriptionId, WatchPath);

/// A state, who waits for it to be handled, and how often that has failed.
pub(super) struct Work {
    lane: Lane,
    state: Box<dyn State>,
    acknowledgement: Option<Acknowledgement>,
    /// How often this very state was run.
    pub(super) tries: u32,
    /// The pauses since the last success.
    pub(super) backoff: Option<Backoff>,
}

impl Work {
    /// With what tells when its sender is owed an answer.
    pub(super) fn new<Q: Payload>(changed: Changed<Q>) -> (Self, Owed) {
        let (acknowledgement, owed) = owed();
        let lane = Lane(
            TypeId::of::<Q>(),
            changed.subscription,
            changed.query.path(),
        );
        let (state, acknowledgement) = (Box::new(changed), Some(acknowledgement));
        (
            Self {
                lane,
                state,
                acknowledgement,
                tries: 0,
                backoff: None,
            },
            owed,
        )
    }

    pub(super) fn path(&self) -> &WatchPath {
        &self.lane.2
    }

    pub(super) fn index(&self) -> u64 {
        self.state.index()
    }

    pub(super) fn input(&self) -> serde_json::Result<Vec<u8>> {
        self.state.input()
    }

    pub(super) fn facts(&self) -> Facts {
        self.state.facts()
    }
}

impl Task for Work {
    type Lane = Lane;

    fn lane(&self) -> &Lane {
        &self.lane
    }

    fn cover(&mut self, mut older: Self) {
        self.state.cover(&*older.state);
        self.backoff = older.backoff.take().or(self.backoff.take());
        older.acknowledge();
    }

    fn acknowledge(&mut self) {
        if let Some(acknowledgement) = self.acknowledgement.take() {
            acknowledgement.give();
        }
    }
}
