//! Counts deliveries by round, with their delays since the write.

use std::cell::RefCell;
use std::rc::Rc;

use super::ipc::print_line;
use super::keys;
use crate::measure::{monotonic_ns, percentile};

/// The deliveries so far. Prints a line when a round is complete.
pub(super) struct RoundCounters {
    /// The latest round that each watch has delivered.
    latest: Vec<u32>,
    round: u32,
    delivered: usize,
    delays_ms: Vec<f64>,
    deliveries: u64,
}

impl RoundCounters {
    pub(super) fn of(count: usize) -> Rc<RefCell<Self>> {
        let counters = Self {
            latest: vec![0; count],
            round: 0,
            delivered: 0,
            delays_ms: Vec::new(),
            deliveries: 0,
        };
        Rc::new(RefCell::new(counters))
    }

    /// Records that a key's value was handled now.
    pub(super) fn note(&mut self, key: &str, value: &[u8]) {
        let now = monotonic_ns();
        let (Some(n), Some((round, written))) = (keys::number(key), keys::read(value)) else {
            return;
        };
        if round > self.round {
            self.round = round;
            self.delivered = 0;
            self.deliveries = 0;
            self.delays_ms.clear();
        }
        self.deliveries += 1;
        let Some(latest) = self.latest.get_mut(n).filter(|latest| **latest < round) else {
            return;
        };
        *latest = round;
        self.delivered += 1;
        self.delays_ms
            .push(now.saturating_sub(written) as f64 / 1e6);
        if self.delivered == self.latest.len() {
            self.print_delivered(now);
        }
    }

    fn print_delivered(&self, now: u64) {
        let (median, worst) = (
            percentile(&self.delays_ms, 50.0),
            percentile(&self.delays_ms, 100.0),
        );
        print_line(&format!(
            "delivered {} {now} {median} {worst} {}",
            self.round, self.deliveries
        ));
    }

    /// Returns the number of watches that have delivered this round or a later one.
    pub(super) fn delivered(&self, round: u32) -> usize {
        self.latest
            .iter()
            .filter(|latest| **latest >= round)
            .count()
    }
}
