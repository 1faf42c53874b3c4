//! One change for ten thousand actors.

use std::time::Duration;

use crate::config::Config;
use crate::measure::{MedianRange, percentile};
use crate::outcome::{Check, Outcome, Side};
use crate::scale::{ChildProcess, measure, median_range};
use crate::scenario::Scenario;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "fan-out",
    title: "One change for 10,000 subscribers",
    method: "10,000 actors on two arbiters subscribe to one watch of a source in memory, whose watcher runs on a \
             third thread. In turns, 15 times each: one change, or bare sends, which are `Recipient::send` of the same \
             shared value to the same actors, each awaited. The time runs until the last handler; the processor time of \
             the process until it is at rest, acknowledgements included. 3 rounds, each the median of a new process.",
    run,
};

const WITHIN: Duration = Duration::from_secs(60);

struct Sample {
    ours_ms: f64,
    bare_ms: f64,
    ours_us_each: f64,
    bare_us_each: f64,
}

fn run(config: &Config) -> Result<Outcome, String> {
    let (rounds, count, turns) = config.either((3, 10_000, 15), (2, 500, 5));
    let mut found = Vec::new();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        found.push(one(config, count, turns)?);
    }
    let [ours, bare]: [Vec<f64>; 2] = [
        found.iter().map(|found| found.ours_ms).collect(),
        found.iter().map(|found| found.bare_ms).collect(),
    ];
    let floor = median_range(&found, |found| found.bare_ms);
    let beyond = median_range(&found, |found| found.ours_us_each - found.bare_us_each);
    let both = |ours: fn(&Sample) -> f64, bare: fn(&Sample) -> f64| {
        [
            ("consul-watch", Side::Ours, median_range(&found, ours)),
            ("the bare send", Side::Floor, median_range(&found, bare)),
        ]
    };
    let notes = vec![format!(
        "The bare sends alone take {} on this machine: each message wakes its actor on another thread, whose reply \
         wakes the sender. consul-watch sends each update in the same way.",
        floor.show("ms")
    )];
    Ok(Outcome {
        notes,
        checks: vec![
            Check::at_most(
                format!("one change for {count} subscribers, until the last"),
                "≤ 1.25 × the bare send",
                1.25,
                &MedianRange::of_ratios(&ours, &bare),
                "×",
            ),
            Check::at_most(
                "processor time for each, beyond the bare send",
                "≤ 1 µs",
                1.0,
                &beyond,
                "µs",
            ),
        ],
        measures: vec![
            measure(
                "until the last handler",
                "ms",
                both(|found| found.ours_ms, |found| found.bare_ms),
            ),
            measure(
                "processor time for each",
                "µs",
                both(|found| found.ours_us_each, |found| found.bare_us_each),
            ),
        ],
        ..Outcome::default()
    })
}

fn one(config: &Config, count: usize, turns: usize) -> Result<Sample, String> {
    let mut child =
        ChildProcess::alone(config, "fan-out", &[&count.to_string(), &turns.to_string()])?;
    child.go()?;
    let (mut ours, mut bare) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for _ in 0..turns {
        for (word, (wall, cpu)) in [("ours", &mut ours), ("bare", &mut bare)] {
            let line = child.line(word, WITHIN)?;
            let numbers: Vec<f64> = line
                .split(' ')
                .filter_map(|number| number.parse().ok())
                .collect();
            let [taken, used] = numbers[..] else {
                return Err(format!("{word} {line}?"));
            };
            wall.push(taken / 1e6);
            cpu.push(used / 1e3 / count as f64);
        }
    }
    let median = |numbers: &[f64]| percentile(numbers, 50.0);
    Ok(Sample {
        ours_ms: median(&ours.0),
        bare_ms: median(&bare.0),
        ours_us_each: median(&ours.1),
        bare_us_each: median(&bare.1),
    })
}
