//! The time from a write to the handler.

use std::thread;
use std::time::Duration;

use crate::config::Config;
use crate::kv_writer::KvWriter;
use crate::measure::percentile;
use crate::outcome::Outcome;
use crate::peers::{
    BARE, Contender, HANDING_OVER, ONE_THREAD, OURS, Watched, handing_over, on_one_thread,
};
use crate::rounds::Rounds;
use crate::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "latency",
    title: "From a put to its handler: one key",
    method: "The key is put 2,000 times for each contender: 20 rounds of 100. In each round every contender takes a turn as \
             a new process on the same agent, the first one rotating, and handles 20 puts before those that count. By \
             default the watchers of consul-watch have their own thread, so that a handler that blocks its thread delays \
             no watch, and a message crosses threads; all other contenders watch and handle on one thread, as \
             consul-watch does with `arbiters(0)`. The bare loop runs in both forms: the one that sends the value to an \
             actor on another thread is the floor of the default. A put follows 12 ms after the previous one was \
             handled: a watcher polls at most 100 times a second, so faster writes would measure its throttle. The time \
             runs from just before the request is sent until the handler is called (for `consul watch`, until the \
             program that it runs has started), by the machine's monotonic clock. Ratios are of the same round.",
    run,
};

const KEY: &str = "bench/latency";
const WARM_UP: u64 = 20;
/// Longer than the default interval of a watcher's throttle.
const PAUSE: Duration = Duration::from_millis(12);

fn run(config: &Config) -> Result<Outcome, String> {
    let (rounds, puts) = config.either((20, 100), (2, 20));
    let agent = Config::agent()?;
    let mut writer = KvWriter::to(agent.http_addr())?;
    let address = agent.http_addr().to_string();
    let more = vec![on_one_thread(config), handing_over(config)];
    let rounds = Rounds::run(config, more, rounds, |contender| {
        one(contender, &address, &mut writer, puts)
    })?;

    let p50 = |found: &Vec<f64>| percentile(found, 50.0);
    let p99 = |found: &Vec<f64>| percentile(found, 99.0);
    let beyond = |title| rounds.beyond(title, BARE, p50).map(|more| more.show("ms"));
    let notes = beyond(HANDING_OVER).zip(beyond(ONE_THREAD)).map(|(handing_over, client)| {
        format!(
            "Of the difference to the bare loop (p50), {handing_over} is the cost of handing a message to another thread, \
             which the bare loop has too when it does so. {client} is the cost of the client and the engine on one \
             thread. By default a watcher hands over, so that a handler that blocks its thread delays no watch; an \
             application without such handlers can use `arbiters(0)`."
        )
    });
    Ok(Outcome {
        measures: vec![
            rounds.measure("put → handler, median", "ms", p50),
            rounds.measure("put → handler, 99th percentile", "ms", p99),
        ],
        checks: vec![
            rounds.at_most("put → handler, p50", BARE, "1.05", 1.05, p50),
            rounds.at_most("put → handler, p99", BARE, "1.25", 1.25, p99),
            rounds.ahead("put → handler, p50", p50),
            rounds.at_most_of(OURS, "put → handler, p50", HANDING_OVER, "1.05", 1.05, p50),
            rounds.at_most_of(OURS, "put → handler, p99", HANDING_OVER, "1.25", 1.25, p99),
            rounds.at_most_of(
                ONE_THREAD,
                "put → handler on one thread, p50",
                BARE,
                "1.05",
                1.05,
                p50,
            ),
            rounds.at_most_of(
                ONE_THREAD,
                "put → handler on one thread, p99",
                BARE,
                "1.25",
                1.25,
                p99,
            ),
        ],
        missing: rounds.missing(),
        notes: notes.into_iter().collect(),
        versions: rounds.versions(),
    })
}

/// The latencies of one contender's turn, in milliseconds.
fn one(
    contender: &Contender,
    address: &str,
    writer: &mut KvWriter,
    puts: u64,
) -> Result<Vec<f64>, String> {
    writer.put(KEY, b"0")?;
    let mut running = contender.start(address, Watched::Key(KEY))?;
    running.go()?;
    running.sees(0)?;
    let mut found = Vec::new();
    for sequence in 1..=WARM_UP + puts {
        thread::sleep(PAUSE);
        let sent = writer.put(KEY, sequence.to_string().as_bytes())?;
        let seen = running.sees(sequence)?;
        if sequence > WARM_UP {
            found.push(seen.saturating_sub(sent) as f64 / 1e6);
        }
    }
    Ok(found)
}
