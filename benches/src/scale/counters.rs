//! Who was told of which round, and how long after it was written.

use std::cell::RefCell;
use std::rc::Rc;

use super::ipc::say;
use super::keys;
use crate::measure::{monotonic_ns, percentile};

/// What everyone was told so far; says a line when a round is complete.
pub(super) struct RoundCounters {
    /// The latest round that each was told of.
    latest: Vec<u32>,
    round: u32,
    told: usize,
    delays_ms: Vec<f64>,
    deliveries: u64,
}

impl RoundCounters {
    pub(super) fn of(count: usize) -> Rc<RefCell<Self>> {
        let counters = Self {
            latest: vec![0; count],
            round: 0,
            told: 0,
            delays_ms: Vec::new(),
            deliveries: 0,
        };
        Rc::new(RefCell::new(counters))
    }

    /// A key's value was handled now.
    pub(super) fn note(&mut self, key: &str, value: &[u8]) {
        let now = monotonic_ns();
        let (Some(n), Some((round, written))) = (keys::number(key), keys::read(value)) else {
            return;
        };
        if round > self.round {
            self.round = round;
            self.told = 0;
            self.deliveries = 0;
            self.delays_ms.clear();
        }
        self.deliveries += 1;
        let Some(latest) = self.latest.get_mut(n).filter(|latest| **latest < round) else {
            return;
        };
        *latest = round;
        self.told += 1;
        self.delays_ms
            .push(now.saturating_sub(written) as f64 / 1e6);
        if self.told == self.latest.len() {
            self.say_told(now);
        }
    }

    fn say_told(&self, now: u64) {
        let (median, worst) = (
            percentile(&self.delays_ms, 50.0),
            percentile(&self.delays_ms, 100.0),
        );
        say(&format!(
            "told {} {now} {median} {worst} {}",
            self.round, self.deliveries
        ));
    }

    /// How many were told of this round or a later one.
    pub(super) fn told_of(&self, round: u32) -> usize {
        self.latest
            .iter()
            .filter(|latest| **latest >= round)
            .count()
    }
}
