//! The parent's side of the talk.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use super::fixture::Fixture;
use super::keys::write_all;
use crate::config::Config;
use crate::kv_writer::KvWriter;
use crate::measure::{connections_to, monotonic_ns};
use crate::peers::Running;

/// A child that holds many watches; ended when dropped.
pub(crate) struct ChildProcess {
    running: Running,
    address: Option<SocketAddr>,
}

/// Everyone was told of a round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivered {
    /// When the last of them was, by the monotonic clock.
    pub(crate) at: u64,
    /// From the write of a key until its handler, in milliseconds.
    pub(crate) median_ms: f64,
    pub(crate) worst_ms: f64,
}

impl ChildProcess {
    /// Starts a child on this stage; it begins at [`go`](Self::go).
    pub(crate) fn start(
        config: &Config,
        what: &str,
        fixture: &Fixture,
        args: &[&str],
    ) -> Result<Self, String> {
        Self::start_at(config, what, fixture, fixture.address(), args)
    }

    /// The same, by another address of the stage's agent.
    pub(crate) fn start_at(
        config: &Config,
        what: &str,
        fixture: &Fixture,
        address: SocketAddr,
        args: &[&str],
    ) -> Result<Self, String> {
        let target = fixture.target(address);
        let args = target
            .iter()
            .map(String::as_str)
            .chain(args.iter().copied());
        Self::spawn(config, what, &args.collect::<Vec<_>>(), Some(address))
    }

    /// A child that needs no agent.
    pub(crate) fn alone(config: &Config, what: &str, args: &[&str]) -> Result<Self, String> {
        Self::spawn(config, what, args, None)
    }

    fn spawn(
        config: &Config,
        what: &str,
        args: &[&str],
        address: Option<SocketAddr>,
    ) -> Result<Self, String> {
        let mut command = Command::new(&config.exe);
        command.args(["run-many", what]).args(args);
        Ok(Self {
            running: Running::start(&format!("{what} {args:?}"), command, true)?,
            address,
        })
    }

    /// Lets it begin.
    pub(crate) fn go(&mut self) -> Result<(), String> {
        self.running.tell("go")
    }

    /// Waits for a line that begins with this word, passing over others, and returns what follows.
    pub(crate) fn line(&self, word: &str, within: Duration) -> Result<String, String> {
        let deadline = Instant::now() + within;
        loop {
            let line = self.running.next(word, deadline)?;
            if let Some(rest) = line.strip_prefix(word) {
                return Ok(rest.trim().to_owned());
            }
        }
    }

    /// Asks by a line, and waits for the answer that begins with its first word.
    pub(crate) fn ask(&mut self, order: &str, within: Duration) -> Result<String, String> {
        self.running.tell(order)?;
        let word = order.split(' ').next().unwrap_or(order);
        self.line(word, within)
    }

    /// Asks for numbers.
    pub(crate) fn numbers(&mut self, order: &str, within: Duration) -> Result<Vec<u64>, String> {
        let line = self.ask(order, within)?;
        line.split(' ')
            .map(|word| {
                word.parse()
                    .map_err(|error| format!("{order}: {line}: {error}"))
            })
            .collect()
    }

    /// How many are in this state.
    pub(crate) fn count_of(&mut self, state: &str, within: Duration) -> Result<usize, String> {
        let line = self.ask("states", within)?;
        let find = |pair: &str| pair.strip_prefix(state)?.strip_prefix('=')?.parse().ok();
        Ok(line.split(' ').find_map(find).unwrap_or_default())
    }

    /// Waits until everyone was told of this round.
    pub(crate) fn told(&self, round: u32, within: Duration) -> Result<Delivered, String> {
        let deadline = Instant::now() + within;
        loop {
            let line = self.line("told", deadline.saturating_duration_since(Instant::now()))?;
            let words: Vec<f64> = line
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect();
            let [told, _, median_ms, worst_ms, ..] = words[..] else {
                return Err(format!("told {line}?"));
            };
            if told >= f64::from(round) {
                let at = line
                    .split(' ')
                    .nth(1)
                    .and_then(|at| at.parse().ok())
                    .unwrap_or_default();
                return Ok(Delivered {
                    at,
                    median_ms,
                    worst_ms,
                });
            }
        }
    }

    /// Writes every key in this round, and waits until everyone is told: how long that took, in seconds.
    pub(crate) fn tell_all(
        &self,
        writer: &mut KvWriter,
        count: usize,
        round: u32,
        within: Duration,
    ) -> Result<(f64, Delivered), String> {
        let writing = monotonic_ns();
        write_all(writer, count, round)?;
        let told = self.told(round, within)?;
        Ok((told.at.saturating_sub(writing) as f64 / 1e9, told))
    }

    /// Lets it begin, and waits until everything was answered and this round, which was written before, told.
    /// Returns when that was, by the monotonic clock.
    pub(crate) fn begin(&mut self, round: u32, within: Duration) -> Result<u64, String> {
        let deadline = Instant::now() + within;
        let left = || deadline.saturating_duration_since(Instant::now());
        self.go()?;
        let (mut ready, mut told) = (None, None);
        while ready.is_none() || told.is_none() {
            let line = self.running.next("ready", Instant::now() + left())?;
            let mut words = line.split(' ');
            let (word, number) = (
                words.next(),
                words.next().and_then(|word| word.parse::<u64>().ok()),
            );
            match word {
                Some("ready") => ready = number,
                Some("told") if number == Some(round.into()) => {
                    told = words.next().and_then(|word| word.parse::<u64>().ok());
                }
                _ => {}
            }
        }
        Ok(ready.max(told).unwrap_or_default())
    }

    /// How many connections it has to Consul.
    pub(crate) fn connections(&self) -> Result<usize, String> {
        self.address.map_or(Ok(0), |address| {
            connections_to(self.running.pid(), address.port())
        })
    }

    pub(crate) fn cpu_ns(&self) -> Result<u64, String> {
        self.running.cpu_ns()
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64, String> {
        self.running.resident_bytes()
    }
}
