//! Processor time and memory when one of many keys under a prefix changes.

use std::thread;
use std::time::Duration;

use crate::config::Config;
use crate::kv_writer::KvWriter;
use crate::outcome::Outcome;
use crate::peers::{BARE, CONSUL_WATCH, Contender, NODE, Watched};
use crate::rounds::Rounds;
use crate::scenario::Scenario;

pub const CPU: Scenario = Scenario {
    name: "prefix-cpu",
    title: "10,000 keys of 256 bytes under one prefix, one of which changes: processor time per wake-up",
    method: "One key after another is changed, 20 in each of 5 rounds, each after the previous change was handled and \
             nothing happened for 50 ms; the first state and two changes are not counted. In each round every contender \
             takes a turn as a new process on the same agent, the first one rotating. The result is the processor time \
             of the contender's process in user and system mode; the program that `consul watch` runs for each change \
             is not counted. consul-watch also compares the lists and reports which keys changed.",
    run: cpu,
};

pub const MEMORY: Scenario = Scenario {
    name: "prefix-memory",
    title: "The same prefix: peak memory",
    method: "The peak resident memory of the contender's process over the first state and 20 changes, as the kernel \
             reports it, less the memory before it began to watch. `consul watch` cannot be paused there, so a process \
             that watches a key without a value stands for it. The body is what Consul sends each time: the JSON of all \
             keys.",
    run: memory,
};

const PREFIX: &str = "bench/prefix/";
/// A key that is never written.
const NOTHING: &str = "bench/nothing";
const VALUE: usize = 256;
const UNCOUNTED: u64 = 2;
/// Work that a runtime does after the handler, such as garbage collection, belongs to the wake-up.
const QUIET: Duration = Duration::from_millis(50);

/// The result of one turn.
struct Sample {
    cpu_ms: f64,
    peak_mib: f64,
    bodies: f64,
}

/// The keys and their writer.
struct Fixture {
    writer: KvWriter,
    address: String,
    keys: u64,
    wakeups: u64,
    body: f64,
    /// Increases over all turns, so that no value occurs twice.
    sequence: u64,
}

fn cpu(config: &Config) -> Result<Outcome, String> {
    let (rounds, _) = measured(config)?;
    let of = |found: &Sample| found.cpu_ms;
    let what = "processor time per wake-up";
    Ok(Outcome {
        measures: vec![rounds.measure(what, "ms", of)],
        checks: vec![
            rounds.at_most(what, BARE, "1.5", 1.5, of),
            rounds.at_most(what, CONSUL_WATCH, "1/12", 1.0 / 12.0, of),
            rounds.at_most(what, NODE, "1/5", 1.0 / 5.0, of),
        ],
        missing: rounds.missing(),
        notes: Vec::new(),
        versions: rounds.versions(),
    })
}

fn memory(config: &Config) -> Result<Outcome, String> {
    let (rounds, body) = measured(config)?;
    Ok(Outcome {
        measures: vec![rounds.measure("peak memory over idle", "MiB", |found| found.peak_mib)],
        checks: vec![rounds.limit(
            "peak memory over idle",
            "≤ 3 × the body",
            3.0,
            "×",
            |found| found.bodies,
        )],
        missing: rounds.missing(),
        notes: vec![format!("The body has {:.2} MiB.", body / MIB)],
        versions: rounds.versions(),
    })
}

const MIB: f64 = 1024.0 * 1024.0;

fn measured(config: &Config) -> Result<(Rounds<Sample>, f64), String> {
    let (rounds, keys, wakeups) = config.either((5, 10_000, 20), (1, 500, 3));
    let agent = Config::agent()?;
    let mut fixture = Fixture {
        writer: KvWriter::to(agent.http_addr())?,
        address: agent.http_addr().to_string(),
        keys,
        wakeups,
        body: 0.0,
        sequence: 0,
    };
    for key in 0..keys {
        fixture.put(key)?;
    }
    fixture.body = agent
        .try_request("GET", &format!("/v1/kv/{PREFIX}?recurse"), &[], b"")
        .map_err(|error| format!("the list of keys: {error}"))?
        .body
        .len() as f64;
    let rounds = Rounds::run(config, Vec::new(), rounds, |contender| {
        fixture.turn(contender)
    })?;
    Ok((rounds, fixture.body))
}

impl Fixture {
    /// Changes one key. Its value begins with the sequence.
    fn put(&mut self, key: u64) -> Result<(), String> {
        self.sequence += 1;
        let value = format!("{:<VALUE$}", self.sequence);
        self.writer
            .put(&format!("{PREFIX}{key:05}"), value.as_bytes())
            .map(drop)
    }

    fn turn(&mut self, contender: &Contender) -> Result<Sample, String> {
        let mut running = contender.start(&self.address, Watched::Prefix(PREFIX))?;
        let idle = if contender.waits {
            running.resident_bytes()?
        } else {
            self.idle(contender)?
        };
        running.go()?;
        running.sees(self.sequence)?;
        let mut before = 0;
        for wakeup in 0..UNCOUNTED + self.wakeups {
            if wakeup == UNCOUNTED {
                before = running.cpu_ns()?;
            }
            // Distributed over the list, and never the same key twice in a turn.
            self.put(wakeup * 7_919 % self.keys)?;
            running.sees(self.sequence)?;
            thread::sleep(QUIET);
        }
        let cpu = running.cpu_ns()? - before;
        let peak = running.peak_bytes()?.saturating_sub(idle) as f64;
        Ok(Sample {
            cpu_ms: cpu as f64 / 1e6 / self.wakeups as f64,
            peak_mib: peak / MIB,
            bodies: peak / self.body,
        })
    }

    /// Returns the memory of a contender that cannot be paused before it watches.
    fn idle(&self, contender: &Contender) -> Result<u64, String> {
        let running = contender.start(&self.address, Watched::Key(NOTHING))?;
        thread::sleep(Duration::from_secs(1));
        running.resident_bytes()
    }
}
