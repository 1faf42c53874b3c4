//! The count of what was delivered: false removals, and true ones that are missing.

use std::{collections::BTreeMap, time::Instant};

use serde_json::{Value, json};

use super::receiver::Delivery;

/// The instances that were really removed: the time for each watch.
pub(super) type Removals = BTreeMap<usize, Instant>;

/// The counts of one storm and one observer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) deliveries: usize,
    /// Deliveries that lack an instance that was there.
    pub(super) false_removals: usize,
    /// True removals that no delivery shows.
    pub(super) missed_removals: usize,
    pub(super) true_removals: usize,
}

impl Verdict {
    /// Counts: each watch has these nodes, and lacks the last of them once its removal was made.
    pub(super) fn of(all: &[Vec<Delivery>], nodes: &[String], removals: &Removals) -> Self {
        let mut verdict = Self {
            true_removals: removals.len(),
            ..Self::default()
        };
        let Some((removed, others)) = nodes.split_last() else {
            return verdict;
        };
        for (watch, deliveries) in all.iter().enumerate() {
            let removal = removals.get(&watch);
            verdict.deliveries += deliveries.len();
            verdict.false_removals += deliveries
                .iter()
                .filter(|delivery| {
                    let lacks = |node: &String| !delivery.nodes.contains(node);
                    let before = removal.is_none_or(|at| delivery.at < *at);
                    others.iter().any(lacks) || (before && lacks(removed))
                })
                .count();
            let last = deliveries.last();
            let shown = last.is_some_and(|last| !last.nodes.contains(removed));
            verdict.missed_removals += usize::from(removal.is_some() && !shown);
        }
        verdict
    }

    pub(super) fn is_good(&self) -> bool {
        self.false_removals == 0 && self.missed_removals == 0
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "deliveries": self.deliveries,
            "false_removals": self.false_removals,
            "true_removals": self.true_removals,
            "missed_removals": self.missed_removals,
        })
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} deliveries, {} false removals, {} of {} true removals missed",
            self.deliveries, self.false_removals, self.missed_removals, self.true_removals
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn false_and_missed_removals_are_counted() {
        let start = Instant::now();
        let nodes = ["a", "b"].map(str::to_owned);
        let delivery = |seconds, nodes: &[&str]| Delivery {
            at: start + Duration::from_secs(seconds),
            nodes: nodes.iter().map(ToString::to_string).collect(),
        };
        let removals = Removals::from([(1, start + Duration::from_secs(5)), (2, start)]);
        let all = [
            vec![
                delivery(1, &["a", "b"]),
                delivery(2, &[]),
                delivery(3, &["a", "b"]),
            ],
            vec![
                delivery(1, &["a", "b"]),
                delivery(4, &["a"]),
                delivery(6, &["a"]),
            ],
            vec![delivery(1, &["a", "b"])],
        ];
        let verdict = Verdict::of(&all, &nodes, &removals);
        let expected = Verdict {
            deliveries: 7,
            false_removals: 2,
            missed_removals: 1,
            true_removals: 2,
        };
        assert_eq!(verdict, expected);
        assert!(!verdict.is_good());
    }
}
