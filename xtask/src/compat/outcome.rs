//! The outcome of all suites with one Consul.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// The passed and the failed tests of one part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: usize,
    pub(super) failed: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed } = self;
        match failed {
            0 => write!(f, "{passed}"),
            _ => write!(f, "**{failed} of {} failed**", passed + failed),
        }
    }
}

/// The counts of a storm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storm {
    pub(super) kind: String,
    pub(super) rounds: u64,
    pub(super) ours: [u64; 3],
    pub(super) bare: [u64; 3],
}

impl Storm {
    /// Reads the line of `cargo xtask storm --json`.
    pub(super) fn of(kind: &str, counts: &Value) -> Option<Self> {
        let read = |who: &str| {
            let count = |name: &str| counts[who][name].as_u64();
            Some([
                count("false_removals")?,
                count("missed_removals")?,
                count("true_removals")?,
            ])
        };
        Some(Self {
            kind: kind.to_owned(),
            rounds: counts["rounds"].as_u64()?,
            ours: read("ours")?,
            bare: read("bare")?,
        })
    }

    fn is_good(&self) -> bool {
        self.ours[0] == 0 && self.ours[1] == 0
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [false_removals, missed, all] = self.ours;
        write!(
            f,
            "{} {}: {false_removals} false removals, {missed} of {all} true ones missed (bare loop: {} false)",
            self.rounds, self.kind, self.bare[0]
        )
    }
}

/// The results of all tests with one Consul.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) version: String,
    /// The counts by suite and module.
    pub(super) counts: BTreeMap<(String, String), Count>,
    pub(super) storms: Vec<Storm>,
    failed: Vec<String>,
}

impl Outcome {
    pub(super) fn new(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            counts: BTreeMap::new(),
            storms: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// The numbers of the version, by which releases are sorted.
    pub(super) fn release(&self) -> Vec<u32> {
        let numbers = self.version.split(|c: char| !c.is_ascii_digit());
        numbers.filter_map(|number| number.parse().ok()).collect()
    }

    /// Reads a line of a test program's output.
    pub(super) fn read(&mut self, suite: &str, line: &str) {
        let Some((name, result)) = line
            .strip_prefix("test ")
            .and_then(|line| line.rsplit_once(" ... "))
        else {
            return;
        };
        let name = name.trim_end_matches(" - should panic");
        let module = name.split_once("::").map_or("", |(module, _)| module);
        let key = (suite.to_owned(), module.to_owned());
        let count = self.counts.entry(key).or_default();
        if result.trim() == "ok" {
            count.passed += 1;
        } else {
            count.failed += 1;
            self.failed.push(format!("{suite}::{name}"));
        }
    }

    /// Records that a test program ended without a result for each test.
    pub(super) fn broken(&mut self, suite: &str, why: &str) {
        self.failed.push(format!("{suite}: {why}"));
    }

    pub(super) fn has_failures_of(&self, suite: &str) -> bool {
        let mut of_suite = self.counts.iter().filter(|((of, _), _)| of == suite);
        of_suite.any(|(_, count)| count.failed > 0)
    }

    /// The failed tests and storms, with the version.
    pub(super) fn failures(&self) -> Vec<String> {
        let storms = self.storms.iter().filter(|storm| !storm.is_good());
        let storms = storms.map(ToString::to_string);
        let all = self.failed.iter().cloned().chain(storms);
        all.map(|failure| format!("{}: {failure}", self.version))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_counted_by_module() {
        let mut outcome = Outcome::new("1.2.3");
        for line in [
            "running 3 tests",
            "test a::one ... ok",
            "test a::two ... FAILED",
            "test three ... ok",
        ] {
            outcome.read("types", line);
        }
        let of = |module: &str| outcome.counts[&("types".to_owned(), module.to_owned())];
        assert_eq!((of("a").passed, of("a").failed, of("").passed), (1, 1, 1));
        assert_eq!(outcome.failures(), ["1.2.3: types::a::two"]);
        assert_eq!(of("a").to_string(), "**1 of 2 failed**");
        assert!(Outcome::new("1.8.7").release() < Outcome::new("1.22.0-dev").release());
    }

    #[test]
    fn a_storm_with_a_false_removal_is_a_failure() {
        let counts = json!({
            "rounds": 9,
            "ours": { "false_removals": 1, "missed_removals": 0, "true_removals": 2 },
            "bare": { "false_removals": 5, "missed_removals": 0, "true_removals": 2 },
        });
        let mut outcome = Outcome::new("1.2.3");
        outcome.storms.push(Storm::of("restores", &counts).unwrap());
        assert_eq!(outcome.failures().len(), 1);
        assert_eq!(Storm::of("restores", &json!({})), None);
    }
}
