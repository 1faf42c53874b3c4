//! Ten thousand keys under one declared root.

use std::time::Duration;

use crate::measure::monotonic_ns;
use crate::outcome::{Check, Outcome, Side};
use crate::row::Row;
use crate::scale::{Crew, Stage, counted, fill, measure, spread};
use crate::setting::Setting;

pub(crate) const ROW: Row = Row {
    name: "root",
    title: "10,000 keys under one declared root, plain HTTP",
    method: "A process declares a root and watches 10,000 keys beneath it on a stock agent, with one actor for all \
             of them, and another process with an actor for each. When all have their first value, its connections \
             are counted and its memory is taken; then every key is written once, one after the other. Memory a \
             watch is what the process has beyond another one that watches the root alone (and, beside an actor for \
             each, starts as many actors that watch nothing), divided by the watches. 3 rounds.",
    run,
};

const WITHIN: Duration = Duration::from_secs(120);

/// What one process was found to need.
struct Found {
    ready_s: f64,
    connections: usize,
    bytes: f64,
    told_s: f64,
    worst_ms: f64,
}

/// The watches, beside what holds the same keys without them.
const CASES: [(&str, &str, &str); 2] = [
    ("one actor", "keys", "root"),
    ("an actor each", "keys-and-actors", "root-and-actors"),
];

fn run(setting: &Setting) -> Result<Outcome, String> {
    let (rounds, count) = setting.either((3, 10_000), (2, 300));
    let mut stage = Stage::plain()?;
    fill(&stage.agent, count, 1)?;
    let mut written = 1;
    let mut outcome = Outcome::default();
    let mut cases = Vec::new();
    for (name, with, without) in CASES {
        let mut found = Vec::new();
        for round in 0..rounds {
            eprintln!("round {} of {rounds}: {name}", round + 1);
            let base = one(setting, &mut stage, without, count, &mut written)?;
            let mut all = one(setting, &mut stage, with, count, &mut written)?;
            all.bytes = (all.bytes - base.bytes) / count as f64;
            found.push(all);
        }
        outcome
            .checks
            .extend(checks(&format!("{count} keys, {name}"), &found));
        cases.push((name, found));
    }
    let all = |of: fn(&Found) -> f64| {
        cases
            .iter()
            .map(|(name, found)| (*name, Side::Ours, spread(found, of)))
            .collect::<Vec<_>>()
    };
    outcome.measures = vec![
        measure(
            "until all have their first value",
            "s",
            all(|found| found.ready_s),
        ),
        measure("memory a watch", "bytes", all(|found| found.bytes)),
        measure(
            "every key written once, until the last handler",
            "s",
            all(|found| found.told_s),
        ),
        measure(
            "from a write to its handler, the worst",
            "ms",
            all(|found| found.worst_ms),
        ),
    ];
    Ok(outcome)
}

fn checks(name: &str, found: &[Found]) -> Vec<Check> {
    let connections = spread(found, |found| found.connections as f64);
    vec![
        counted(
            format!("{name}: connections"),
            "1",
            connections.show(""),
            (connections.min, connections.max) == (1.0, 1.0),
        ),
        Check::at_most(
            format!("{name}: memory a watch"),
            "≤ 2 KB",
            2048.0,
            &spread(found, |found| found.bytes),
            "bytes",
        ),
        // Whoever was not told has ended the row.
        counted(
            format!("{name}: every key changed once"),
            "every subscriber told",
            "all told",
            true,
        ),
    ]
}

fn one(
    setting: &Setting,
    stage: &mut Stage,
    what: &str,
    count: usize,
    written: &mut u32,
) -> Result<Found, String> {
    let mut crew = Crew::start(setting, "hold", stage, &[what, &count.to_string()])?;
    let started = monotonic_ns();
    let ready = crew.begin(*written, WITHIN)?;
    let (connections, bytes) = (crew.connections()?, crew.resident_bytes()? as f64);
    *written += 1;
    let (told_s, told) = crew.tell_all(&mut stage.writer, count, *written, WITHIN)?;
    Ok(Found {
        ready_s: ready.saturating_sub(started) as f64 / 1e9,
        connections,
        bytes,
        told_s,
        worst_ms: told.worst_ms,
    })
}
