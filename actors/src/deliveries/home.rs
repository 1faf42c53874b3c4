//! Where a subscriber's handler runs.

use std::thread::{self, ThreadId};

use actix::{Arbiter, ArbiterHandle};

/// The arbiter on whose thread a subscriber has answered.
///
/// It is a hint: what is carried to the wrong one arrives all the same, by a longer way.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    thread: ThreadId,
    arbiter: ArbiterHandle,
}

impl Home {
    /// That of the calling thread; `None` on a thread that no arbiter runs on.
    pub(super) fn here() -> Option<Self> {
        Some(Self {
            arbiter: Arbiter::try_current()?,
            thread: thread::current().id(),
        })
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        // An arbiter has no name to be compared by.
        self.thread == other.thread
    }

    /// Runs this there. An arbiter that has stopped drops it.
    pub(super) fn run(&self, errand: impl Future<Output = ()> + Send + 'static) {
        self.arbiter.spawn(errand);
    }
}
