//! A thousand plain watches that share no query.

use std::thread;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::measure::monotonic_ns;
use crate::outcome::{Outcome, Side};
use crate::scale::{
    ChildProcess, Delivered, Fixture, counted, fill, measure, median_range, write_all,
};
use crate::scenario::Scenario;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "plain",
    title: "1,000 different prefixes, plain HTTP: more than Consul accepts",
    method: "A process watches 1,000 prefixes without a common root on a stock agent, which accepts 200 connections from \
             one address. When all have their first value, the states of the watches are counted; then the key in \
             each prefix is written once, one after the other. Beside it, 1,000 bare loops run in one process, each of \
             which ends at its first error; they are counted when nothing has changed for 2 s, and again 5 s after the \
             last write. Every process has its own agent. 3 rounds.",
    run,
};

/// A watch without a connection permit polls every 10 s, give or take a quarter.
const BOUND: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(10);

/// A bare loop whose query is held delivers at once.
const FOR_THE_HELD: Duration = Duration::from_secs(5);

struct Sample {
    live: usize,
    polling: usize,
    other: usize,
    ready_s: f64,
    delivered: Delivered,
}

struct Loops {
    refused: usize,
    delivered: u64,
}

fn run(config: &Config) -> Result<Outcome, String> {
    let (rounds, count) = config.either((3, 1_000), (1, 250));
    let (mut found, mut bare_loops) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        eprintln!("round {} of {rounds}: consul-watch", round + 1);
        found.push(ours(config, count)?);
        eprintln!("round {} of {rounds}: bare loops", round + 1);
        bare_loops.push(bare(config, count)?);
    }
    let held = median_range(&found, |found| found.live as f64);
    let polling = median_range(&found, |found| found.polling as f64);
    let other = median_range(&found, |found| found.other as f64);
    let refused = median_range(&bare_loops, |bare_loops| bare_loops.refused as f64);
    let delivered = median_range(&bare_loops, |bare_loops| bare_loops.delivered as f64);
    let ours = |of: fn(&Sample) -> f64| [("consul-watch", Side::Ours, median_range(&found, of))];
    let total = count as f64;
    Ok(Outcome {
        checks: vec![
            counted(
                format!("{count} watches: states"),
                "160 held, the rest polling, as `Status` says",
                format!(
                    "{} held, {} polling, {} in another state",
                    held.show(""),
                    polling.show(""),
                    other.show("")
                ),
                held.min >= 160.0 && other.max == 0.0 && held.max + polling.min <= total,
            ),
            // A missing delivery has already failed the scenario.
            counted(
                "every prefix changed once",
                "all notified",
                format!("{count} notified"),
                true,
            ),
            counted(
                format!("{count} bare loops beside it"),
                "—",
                format!(
                    "{} refused forever, {} notified",
                    refused.show(""),
                    delivered.show("")
                ),
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
                "from a write to its handler, the median",
                "s",
                ours(|found| found.delivered.median_ms / 1e3),
            ),
            measure(
                "from a write to its handler, the worst",
                "s",
                ours(|found| found.delivered.worst_ms / 1e3),
            ),
            measure(
                "never notified of a change",
                "watches",
                [
                    ("consul-watch", Side::Ours, median_range(&found, |_| 0.0)),
                    (
                        "bare loops",
                        Side::Floor,
                        median_range(&bare_loops, |bare_loops| {
                            total - bare_loops.delivered as f64
                        }),
                    ),
                ],
            ),
        ],
        ..Outcome::default()
    })
}

fn ours(config: &Config, count: usize) -> Result<Sample, String> {
    let mut fixture = Fixture::plain()?;
    fill(&fixture.agent, count, 1)?;
    let mut child =
        ChildProcess::start(config, "hold", &fixture, &["folders", &count.to_string()])?;
    let started = monotonic_ns();
    let ready = child.begin(1, BOUND)?;
    let (live, polling) = (
        child.count_of("live", SOON)?,
        child.count_of("polling", SOON)?,
    );
    write_all(&mut fixture.writer, count, 2)?;
    let delivered =
        child
            .delivered(2, BOUND)
            .map_err(|error| match child.ask("count 2", SOON) {
                Ok(delivered) => {
                    format!("only {delivered} of {count} were notified within {BOUND:?}")
                }
                Err(_) => error,
            })?;
    let ready_s = ready.saturating_sub(started) as f64 / 1e9;
    Ok(Sample {
        live,
        polling,
        other: count - live - polling,
        ready_s,
        delivered,
    })
}

fn bare(config: &Config, count: usize) -> Result<Loops, String> {
    let mut fixture = Fixture::plain()?;
    fill(&fixture.agent, count, 1)?;
    let mut child = ChildProcess::start(config, "loops", &fixture, &[&count.to_string()])?;
    child.go()?;
    let refused = settled(&mut child, count)?;
    write_all(&mut fixture.writer, count, 2)?;
    let deadline = Instant::now() + FOR_THE_HELD;
    loop {
        let delivered = child
            .numbers("count 2", SOON)?
            .first()
            .copied()
            .unwrap_or_default();
        if delivered >= (count - refused) as u64 || Instant::now() >= deadline {
            return Ok(Loops { refused, delivered });
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Returns the number of loops that have ended, once it is stable.
fn settled(child: &mut ChildProcess, count: usize) -> Result<usize, String> {
    let deadline = Instant::now() + BOUND;
    let mut since = (Instant::now(), 0);
    while Instant::now() < deadline {
        let refused = child.count_of("refused", SOON)?;
        let answered = child.count_of("answered", SOON)?;
        if refused != since.1 || answered + refused < count {
            since = (Instant::now(), refused);
        } else if since.0.elapsed() > Duration::from_secs(2) {
            return Ok(refused);
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("the loops do not come to rest within {BOUND:?}"))
}
