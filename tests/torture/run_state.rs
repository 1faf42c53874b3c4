//! The state that all subscribers of a run share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::history::History;

/// The violations of a law that are shown: a longer list only repeats itself.
const MAX_SHOWN: u64 = 4;

/// The state that all subscribers of a run share; they live on one thread.
pub(crate) struct RunState {
    pub(crate) history: Arc<History>,
    /// No subscriber misbehaves any more.
    pub(crate) calm: Cell<bool>,
    /// Subscribers whose actors have not ended.
    pub(crate) alive: Cell<usize>,
    pub(crate) counters: RefCell<Counters>,
}

/// The counters of a run.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) deliveries: u64,
    pub(crate) first: u64,
    pub(crate) resync: u64,
    pub(crate) coalesced: u64,
    pub(crate) changes: u64,
    pub(crate) removals: BTreeMap<&'static str, u64>,
    pub(crate) stalled: u64,
    pub(crate) panicked: u64,
    pub(crate) stopped_themselves: u64,
    pub(crate) subscribed: u64,
    pub(crate) stops: u64,
    pub(crate) resets: u64,
    /// By the law that was broken.
    pub(crate) violations: BTreeMap<String, u64>,
}

impl RunState {
    pub(crate) fn new(history: Arc<History>) -> Self {
        Self {
            history,
            calm: Cell::new(true),
            alive: Cell::new(0),
            counters: RefCell::default(),
        }
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(&mut self.counters.borrow_mut());
    }

    pub(crate) fn violation(&self, law: &str, what: &str) {
        let mut counters = self.counters.borrow_mut();
        let count = counters.violations.entry(law.to_owned()).or_default();
        *count += 1;
        if *count <= MAX_SHOWN {
            // A state can be long.
            println!("VIOLATION {law}: {what:.1000}");
        }
    }

    pub(crate) fn violations(&self) -> u64 {
        self.counters.borrow().violations.values().sum()
    }
}
