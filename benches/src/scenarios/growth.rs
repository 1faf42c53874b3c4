//! The cost of a wake-up as the prefix grows.

use std::time::Duration;

use crate::config::Config;
use crate::measure::MedianRange;
use crate::outcome::{Check, Outcome, Side};
use crate::scale::{ChildProcess, Fixture, ROOT, counted, fill, measure, median_range, write_some};
use crate::scenario::Scenario;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "growth",
    title: "The cost of a wake-up as a prefix grows",
    method: "A process watches a prefix of 1,000, 10,000 or 100,000 small keys. Transactions write 1, 10 or 64 of them \
             (64 is the most that a transaction takes), each after the handler of the previous one: 3 times for warm-up, \
             10 times counted. Processor time and allocations of the process are divided by the wake-ups. 3 rounds, each \
             in a new process.",
    run,
};

const WITHIN: Duration = Duration::from_secs(60);
const WARM_UP: u32 = 3;
const CHANGES: [usize; 3] = [1, 10, 64];

/// The most that a byte of the largest prefix may cost, relative to the next smaller one, if growth is linear.
const LINEAR: f64 = 1.25;

/// The most allocations that a wake-up may take per further key: none for the key, but a longer body arrives in more
/// chunks, one for some eighty small keys.
const MORE: f64 = 0.05;

/// The average of many wake-ups.
struct Wake {
    cpu_ms: f64,
    allocations: f64,
    allocated: f64,
}

/// The results for one size.
struct Size {
    keys: usize,
    bytes: f64,
    /// One list of rounds per number of changes.
    found: [Vec<Wake>; CHANGES.len()],
}

fn run(config: &Config) -> Result<Outcome, String> {
    let (rounds, wakes, keys) = config.either(
        (3, 10, &[1_000, 10_000, 100_000][..]),
        (1, 5, &[100, 1_000, 5_000]),
    );
    let mut sizes = Vec::new();
    for &keys in keys {
        eprintln!("{keys} keys");
        let fixture = Fixture::plain()?;
        fill(&fixture.agent, keys, 1)?;
        let body = fixture
            .agent
            .try_request("GET", &format!("/v1/kv/{ROOT}?recurse"), &[], b"");
        let bytes = body
            .map_err(|error| format!("the prefix: {error}"))?
            .body
            .len() as f64;
        let mut size = Size {
            keys,
            bytes,
            found: Default::default(),
        };
        for _ in 0..rounds {
            one(config, &fixture, &mut size, wakes)?;
        }
        sizes.push(size);
    }
    Ok(outcome(&sizes))
}

fn one(config: &Config, fixture: &Fixture, size: &mut Size, wakes: u32) -> Result<(), String> {
    let mut child =
        ChildProcess::start(config, "hold", fixture, &["woken", &size.keys.to_string()])?;
    child.go()?;
    child.line("ready", WITHIN)?;
    for (changes, found) in CHANGES.into_iter().zip(&mut size.found) {
        // Distributed over the whole prefix.
        let numbers: Vec<usize> = (0..changes).map(|n| n * size.keys / changes).collect();
        let wake = |child: &ChildProcess, times: u32| {
            (0..times).try_for_each(|turn| {
                write_some(&fixture.agent, &numbers, turn)?;
                child.line(&format!("woken {changes} "), WITHIN).map(drop)
            })
        };
        wake(&child, WARM_UP)?;
        let (cpu, before) = (child.cpu_ns()?, child.numbers("allocations", WITHIN)?);
        wake(&child, wakes)?;
        let (cpu, after) = (child.cpu_ns()? - cpu, child.numbers("allocations", WITHIN)?);
        let each = |at: usize| (after[at] - before[at]) as f64 / f64::from(wakes);
        found.push(Wake {
            cpu_ms: cpu as f64 / 1e6 / f64::from(wakes),
            allocations: each(0),
            allocated: each(1),
        });
    }
    Ok(())
}

fn outcome(sizes: &[Size]) -> Outcome {
    let names: Vec<String> = sizes
        .iter()
        .flat_map(|size| CHANGES.map(|changes| format!("{} keys, {changes} changed", size.keys)))
        .collect();
    let all = |of: &dyn Fn(&Size, &Wake) -> f64| {
        let spreads = sizes.iter().flat_map(|size| {
            size.found
                .iter()
                .map(move |found| median_range(found, |wake| of(size, wake)))
        });
        names
            .iter()
            .map(String::as_str)
            .zip(spreads)
            .map(|(name, median_range)| (name, Side::Ours, median_range))
            .collect::<Vec<_>>()
    };
    let mut checks = Vec::new();
    if let [first, .., before, last] = sizes {
        let per_byte = |size: &Size| median_range(&size.found[0], |wake| wake.cpu_ms / size.bytes);
        let ratio = divided(per_byte(last), per_byte(before));
        let what = format!(
            "processor time per byte, {} keys beside {}",
            last.keys, before.keys
        );
        checks.push(Check::at_most(
            what,
            format!("linear: ≤ {LINEAR} ×"),
            LINEAR,
            &ratio,
            "×",
        ));
        let asked =
            |size: &Size, at: usize| median_range(&size.found[at], |wake| wake.allocations).median;
        let more = (asked(last, 0) - asked(first, 0)) / (last.keys - first.keys) as f64;
        checks.push(counted(
            format!(
                "allocations per wake-up, for each further key of {}",
                last.keys
            ),
            format!("not in the keys: ≤ {MORE}"),
            format!("{more:.4}"),
            more <= MORE,
        ));
        let each = (asked(last, 2) - asked(last, 0)) / (CHANGES[2] - CHANGES[0]) as f64;
        checks.push(counted(
            "allocations for each further change",
            "in the changes",
            format!("{each:.1}"),
            true,
        ));
    }
    Outcome {
        checks,
        measures: vec![
            measure(
                "processor time per wake-up",
                "ms",
                all(&|_, wake| wake.cpu_ms),
            ),
            measure(
                "processor time per megabyte received",
                "ms",
                all(&|size, wake| wake.cpu_ms / size.bytes * 1e6),
            ),
            measure(
                "allocations per wake-up",
                "times",
                all(&|_, wake| wake.allocations),
            ),
            measure(
                "bytes allocated per byte received",
                "bytes",
                all(&|size, wake| wake.allocated / size.bytes),
            ),
        ],
        ..Outcome::default()
    }
}

/// The quotient of two medians, with the widest possible range.
fn divided(number: MedianRange, by: MedianRange) -> MedianRange {
    MedianRange {
        median: number.median / by.median,
        min: number.min / by.max,
        max: number.max / by.min,
    }
}
