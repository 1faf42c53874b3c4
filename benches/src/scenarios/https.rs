//! Ten thousand different prefixes over HTTPS.

use std::time::Duration;

use crate::config::Config;
use crate::measure::monotonic_ns;
use crate::outcome::{Check, Outcome, Side};
use crate::scale::{ChildProcess, Fixture, STREAMS, counted, fill, measure, median_range};
use crate::scenario::Scenario;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "https",
    title: "10,000 different prefixes, HTTPS",
    method: "A process watches 10,000 prefixes over HTTPS on a stock agent, all subscribed to at once. When all have \
             their first value, its connections are counted and its memory is read; then the key in each prefix is \
             written once, one after the other. Memory per watch is the difference from a process with a single watch, \
             divided by the number of watches. 3 rounds.",
    run,
};

const WITHIN: Duration = Duration::from_secs(120);

struct Sample {
    ready_s: f64,
    ready_cpu_s: f64,
    connections: usize,
    bytes: f64,
    delivered_s: f64,
    median_ms: f64,
    worst_ms: f64,
}

fn run(config: &Config) -> Result<Outcome, String> {
    let (rounds, count) = config.either((3, 10_000), (2, 600));
    let mut fixture = Fixture::secure()?;
    let mut written = 1;
    let mut found = Vec::new();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        let single = one(config, &mut fixture, 1, &mut written)?;
        let mut all = one(config, &mut fixture, count, &mut written)?;
        all.bytes = (all.bytes - single.bytes) / (count - 1) as f64;
        found.push(all);
    }
    let connections = median_range(&found, |found| found.connections as f64);
    let bytes = median_range(&found, |found| found.bytes);
    // 45 for ten thousand watches.
    let limit = config.either(45, count.div_ceil(STREAMS));
    let ours = |of: fn(&Sample) -> f64| [("consul-watch", Side::Ours, median_range(&found, of))];
    Ok(Outcome {
        checks: vec![
            Check::at_most(
                format!("{count} prefixes: connections"),
                format!("≤ {limit}"),
                limit as f64,
                &connections,
                "",
            ),
            Check::at_most(
                "memory per watch",
                "≤ 12 KB",
                12.0 * 1024.0,
                &bytes,
                "bytes",
            ),
            counted(
                "all first values",
                "ready in one go",
                "all ready, none refused",
                true,
            ),
            // A missing delivery has already failed the scenario.
            counted(
                "every prefix changed once",
                "all notified",
                "all notified",
                true,
            ),
        ],
        measures: vec![
            measure(
                "until all have their first value",
                "s",
                ours(|found| found.ready_s),
            ),
            measure(
                "its own processor time until then",
                "s",
                ours(|found| found.ready_cpu_s),
            ),
            measure("memory per watch", "bytes", ours(|found| found.bytes)),
            measure(
                "every key written once, until the last handler",
                "s",
                ours(|found| found.delivered_s),
            ),
            measure(
                "from a write to its handler, the median",
                "ms",
                ours(|found| found.median_ms),
            ),
            measure(
                "from a write to its handler, the worst",
                "ms",
                ours(|found| found.worst_ms),
            ),
        ],
        ..Outcome::default()
    })
}

fn one(
    config: &Config,
    fixture: &mut Fixture,
    count: usize,
    written: &mut u32,
) -> Result<Sample, String> {
    // All watches begin with a value of the same round.
    fill(&fixture.agent, count, *written)?;
    let mut child = ChildProcess::start(config, "hold", fixture, &["folders", &count.to_string()])?;
    let started = monotonic_ns();
    let ready = child.begin(*written, WITHIN)?;
    let (connections, bytes) = (child.connections()?, child.resident_bytes()? as f64);
    let ready_cpu_s = child.cpu_ns()? as f64 / 1e9;
    let retrying = child.count_of("retrying", WITHIN)?;
    let live = child.count_of("live", WITHIN)?;
    if (live, retrying) != (count, 0) {
        return Err(format!(
            "of {count} watches {live} are live and {retrying} retry"
        ));
    }
    *written += 1;
    let (delivered_s, delivered) =
        child.write_and_wait(&mut fixture.writer, count, *written, WITHIN)?;
    Ok(Sample {
        ready_s: ready.saturating_sub(started) as f64 / 1e9,
        ready_cpu_s,
        connections,
        bytes,
        delivered_s,
        median_ms: delivered.median_ms,
        worst_ms: delivered.worst_ms,
    })
}
