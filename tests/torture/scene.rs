//! What all subscribers share.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::ledger::Ledger;

/// A long list would only repeat itself.
const SHOWN: usize = 20;

/// What all subscribers share; they live on one thread.
pub(crate) struct Scene {
    pub(crate) ledger: Arc<Ledger>,
    /// Nobody stalls, panics or leaves any more.
    pub(crate) calm: Cell<bool>,
    /// Subscribers whose actors have not ended.
    pub(crate) alive: Cell<usize>,
    pub(crate) tally: RefCell<Tally>,
    violations: RefCell<Vec<String>>,
}

/// What was counted.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) deliveries: u64,
    pub(crate) first: u64,
    pub(crate) resync: u64,
    pub(crate) coalesced: u64,
    pub(crate) changes: u64,
    pub(crate) removals: u64,
    pub(crate) stalled: u64,
    pub(crate) panicked: u64,
    pub(crate) left: u64,
    pub(crate) came: u64,
    pub(crate) stops: u64,
    pub(crate) resets: u64,
    pub(crate) violations: usize,
}

impl Scene {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            calm: Cell::new(true),
            alive: Cell::new(0),
            tally: RefCell::default(),
            violations: RefCell::default(),
        }
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.tally.borrow_mut());
    }

    pub(crate) fn violation(&self, what: String) {
        self.count(|tally| tally.violations += 1);
        let mut violations = self.violations.borrow_mut();
        if violations.len() < SHOWN {
            println!("VIOLATION {what}");
            violations.push(what);
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.borrow().clone()
    }
}
