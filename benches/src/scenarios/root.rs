//! Ten thousand keys under one declared root.

use std::time::Duration;

use crate::config::Config;
use crate::measure::monotonic_ns;
use crate::outcome::{Check, Outcome, Side};
use crate::scale::{ChildProcess, Fixture, counted, fill, measure, median_range};
use crate::scenario::Scenario;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "root",
    title: "10,000 keys under one declared root, plain HTTP",
    method: "A process declares a root and watches 10,000 keys under it on a stock agent, with one actor for all \
             of them, and another process with one actor per key. When all have their first value, its connections \
             are counted and its memory is read; then every key is written once, one after the other. Memory per watch \
             is the difference from a process that watches the root alone (and, for one actor per key, starts as many \
             actors that watch nothing), divided by the number of watches. 3 rounds.",
    run,
};

const WITHIN: Duration = Duration::from_secs(120);

/// The result of one process.
struct Sample {
    ready_s: f64,
    connections: usize,
    bytes: f64,
    delivered_s: f64,
    worst_ms: f64,
}

/// The cases: their name, the workload, and the workload that holds the same keys without the watches.
const CASES: [(&str, &str, &str); 2] = [
    ("one actor", "keys", "root"),
    ("an actor each", "keys-and-actors", "root-and-actors"),
];

fn run(config: &Config) -> Result<Outcome, String> {
    let (rounds, count) = config.either((3, 10_000), (2, 300));
    let mut fixture = Fixture::plain()?;
    fill(&fixture.agent, count, 1)?;
    let mut written = 1;
    let mut outcome = Outcome::default();
    let mut cases = Vec::new();
    for (name, with, without) in CASES {
        let mut found = Vec::new();
        for round in 0..rounds {
            eprintln!("round {} of {rounds}: {name}", round + 1);
            let base = one(config, &mut fixture, without, count, &mut written)?;
            let mut all = one(config, &mut fixture, with, count, &mut written)?;
            all.bytes = (all.bytes - base.bytes) / count as f64;
            found.push(all);
        }
        outcome
            .checks
            .extend(checks(&format!("{count} keys, {name}"), &found));
        cases.push((name, found));
    }
    let all = |of: fn(&Sample) -> f64| {
        cases
            .iter()
            .map(|(name, found)| (*name, Side::Ours, median_range(found, of)))
            .collect::<Vec<_>>()
    };
    outcome.measures = vec![
        measure(
            "until all have their first value",
            "s",
            all(|found| found.ready_s),
        ),
        measure("memory per watch", "bytes", all(|found| found.bytes)),
        measure(
            "every key written once, until the last handler",
            "s",
            all(|found| found.delivered_s),
        ),
        measure(
            "from a write to its handler, the worst",
            "ms",
            all(|found| found.worst_ms),
        ),
    ];
    Ok(outcome)
}

fn checks(name: &str, found: &[Sample]) -> Vec<Check> {
    let connections = median_range(found, |found| found.connections as f64);
    vec![
        counted(
            format!("{name}: connections"),
            "1",
            connections.show(""),
            (connections.min, connections.max) == (1.0, 1.0),
        ),
        Check::at_most(
            format!("{name}: memory per watch"),
            "≤ 2 KB",
            2048.0,
            &median_range(found, |found| found.bytes),
            "bytes",
        ),
        // A missing delivery has already failed the scenario.
        counted(
            format!("{name}: every key changed once"),
            "every subscriber notified",
            "all notified",
            true,
        ),
    ]
}

fn one(
    config: &Config,
    fixture: &mut Fixture,
    what: &str,
    count: usize,
    written: &mut u32,
) -> Result<Sample, String> {
    let mut child = ChildProcess::start(config, "hold", fixture, &[what, &count.to_string()])?;
    let started = monotonic_ns();
    let ready = child.begin(*written, WITHIN)?;
    let (connections, bytes) = (child.connections()?, child.resident_bytes()? as f64);
    *written += 1;
    let (delivered_s, delivered) =
        child.write_and_wait(&mut fixture.writer, count, *written, WITHIN)?;
    Ok(Sample {
        ready_s: ready.saturating_sub(started) as f64 / 1e9,
        connections,
        bytes,
        delivered_s,
        worst_ms: delivered.worst_ms,
    })
}
