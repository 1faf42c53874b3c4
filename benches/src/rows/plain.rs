//! A thousand plain watches that nothing covers.

use std::thread;
use std::time::{Duration, Instant};

use crate::measure::monotonic_ns;
use crate::outcome::{Outcome, Side};
use crate::row::Row;
use crate::scale::{Crew, Stage, Told, counted, fill, measure, spread, write_all};
use crate::setting::Setting;

pub(crate) const ROW: Row = Row {
    name: "plain",
    title: "1,000 different prefixes, plain HTTP: more than Consul takes",
    method: "A process watches 1,000 prefixes that no root covers on a stock agent, which takes 200 connections from \
             one address. When all have their first value, the states of the watches are counted; then the key in \
             each prefix is written once, one after the other. Beside it 1,000 bare loops in one process, each of \
             which ends at its first error; they are counted when nothing has changed for 2 s, and again 5 s after \
             all was written. Every process has an agent of its own. 3 rounds.",
    run,
};

/// A watch without a place asks every 10 s, give or take a quarter.
const BOUND: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(10);

/// Whoever of the bare loops is held is told at once.
const FOR_THE_HELD: Duration = Duration::from_secs(5);

struct Found {
    live: usize,
    waiting: usize,
    other: usize,
    ready_s: f64,
    told: Told,
}

struct Loops {
    refused: usize,
    told: u64,
}

fn run(setting: &Setting) -> Result<Outcome, String> {
    let (rounds, count) = setting.either((3, 1_000), (1, 250));
    let (mut found, mut loops) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        eprintln!("round {} of {rounds}: consul-watch", round + 1);
        found.push(ours(setting, count)?);
        eprintln!("round {} of {rounds}: bare loops", round + 1);
        loops.push(bare(setting, count)?);
    }
    let held = spread(&found, |found| found.live as f64);
    let waiting = spread(&found, |found| found.waiting as f64);
    let other = spread(&found, |found| found.other as f64);
    let refused = spread(&loops, |loops| loops.refused as f64);
    let told = spread(&loops, |loops| loops.told as f64);
    let ours = |of: fn(&Found) -> f64| [("consul-watch", Side::Ours, spread(&found, of))];
    let everyone = count as f64;
    Ok(Outcome {
        checks: vec![
            counted(
                format!("{count} watches: states"),
                "160 held, the rest waiting and saying so",
                format!(
                    "{} held, {} waiting, {} in another state",
                    held.show(""),
                    waiting.show(""),
                    other.show("")
                ),
                held.min >= 160.0 && other.max == 0.0 && held.max + waiting.min <= everyone,
            ),
            // Whoever was not told has ended the row.
            counted(
                "every prefix changed once",
                "all told",
                format!("{count} told"),
                true,
            ),
            counted(
                format!("{count} bare loops beside it"),
                "—",
                format!(
                    "{} refused for ever, {} told",
                    refused.show(""),
                    told.show("")
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
                ours(|found| found.told.median_ms / 1e3),
            ),
            measure(
                "from a write to its handler, the worst",
                "s",
                ours(|found| found.told.worst_ms / 1e3),
            ),
            measure(
                "never told of a change",
                "watches",
                [
                    ("consul-watch", Side::Ours, spread(&found, |_| 0.0)),
                    (
                        "bare loops",
                        Side::Floor,
                        spread(&loops, |loops| everyone - loops.told as f64),
                    ),
                ],
            ),
        ],
        ..Outcome::default()
    })
}

fn ours(setting: &Setting, count: usize) -> Result<Found, String> {
    let mut stage = Stage::plain()?;
    fill(&stage.agent, count, 1)?;
    let mut crew = Crew::start(setting, "hold", &stage, &["folders", &count.to_string()])?;
    let started = monotonic_ns();
    let ready = crew.begin(1, BOUND)?;
    let (live, waiting) = (
        crew.count_of("live", SOON)?,
        crew.count_of("polling", SOON)?,
    );
    write_all(&mut stage.writer, count, 2)?;
    let told = crew
        .told(2, BOUND)
        .map_err(|error| match crew.ask("count 2", SOON) {
            Ok(told) => format!("only {told} of {count} were told within {BOUND:?}"),
            Err(_) => error,
        })?;
    let ready_s = ready.saturating_sub(started) as f64 / 1e9;
    Ok(Found {
        live,
        waiting,
        other: count - live - waiting,
        ready_s,
        told,
    })
}

fn bare(setting: &Setting, count: usize) -> Result<Loops, String> {
    let mut stage = Stage::plain()?;
    fill(&stage.agent, count, 1)?;
    let mut crew = Crew::start(setting, "loops", &stage, &[&count.to_string()])?;
    crew.go()?;
    let refused = settled(&mut crew, count)?;
    write_all(&mut stage.writer, count, 2)?;
    let deadline = Instant::now() + FOR_THE_HELD;
    loop {
        let told = crew
            .numbers("count 2", SOON)?
            .first()
            .copied()
            .unwrap_or_default();
        if told >= (count - refused) as u64 || Instant::now() >= deadline {
            return Ok(Loops { refused, told });
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// How many loops have ended, once no more of them do.
fn settled(crew: &mut Crew, count: usize) -> Result<usize, String> {
    let deadline = Instant::now() + BOUND;
    let mut since = (Instant::now(), 0);
    while Instant::now() < deadline {
        let refused = crew.count_of("refused", SOON)?;
        let answered = crew.count_of("answered", SOON)?;
        if refused != since.1 || answered + refused < count {
            since = (Instant::now(), refused);
        } else if since.0.elapsed() > Duration::from_secs(2) {
            return Ok(refused);
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("the loops do not come to rest within {BOUND:?}"))
}
