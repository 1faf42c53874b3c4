//! The state that all subscribers of a run share.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::history::History;

/// A longer list only repeats itself.
const MAX_SHOWN: usize = 20;

/// The state that all subscribers of a run share; they live on one thread.
pub(crate) struct RunState {
    pub(crate) history: Arc<History>,
    /// No subscriber misbehaves any more.
    pub(crate) calm: Cell<bool>,
    /// Subscribers whose actors have not ended.
    pub(crate) alive: Cell<usize>,
    pub(crate) counters: RefCell<Counters>,
    violations: RefCell<Vec<String>>,
}

/// The counters of a run.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) deliveries: u64,
    pub(crate) first: u64,
    pub(crate) resync: u64,
    pub(crate) coalesced: u64,
    pub(crate) changes: u64,
    pub(crate) removals: u64,
    pub(crate) stalled: u64,
    pub(crate) panicked: u64,
    pub(crate) stopped_themselves: u64,
    pub(crate) subscribed: u64,
    pub(crate) stops: u64,
    pub(crate) resets: u64,
    pub(crate) violations: usize,
}

impl RunState {
    pub(crate) fn new(history: Arc<History>) -> Self {
        Self {
            history,
            calm: Cell::new(true),
            alive: Cell::new(0),
            counters: RefCell::default(),
            violations: RefCell::default(),
        }
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(&mut self.counters.borrow_mut());
    }

    pub(crate) fn violation(&self, what: String) {
        self.count(|counters| counters.violations += 1);
        let mut violations = self.violations.borrow_mut();
        if violations.len() < MAX_SHOWN {
            println!("VIOLATION {what}");
            violations.push(what);
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.borrow().clone()
    }
}
