//! The parent's side of the line protocol.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use super::fixture::Fixture;
use super::keys::write_all;
use crate::config::Config;
use crate::kv_writer::KvWriter;
use crate::measure::{connections_to, monotonic_ns};
use crate::peers::Running;

/// A child process that holds many watches. Dropping it kills the process.
pub(crate) struct ChildProcess {
    running: Running,
    address: Option<SocketAddr>,
}

/// A round that every watch has delivered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivered {
    /// The time of the last delivery, by the monotonic clock.
    pub(crate) at: u64,
    /// From the write of a key to its handler, in milliseconds.
    pub(crate) median_ms: f64,
    pub(crate) worst_ms: f64,
}

impl ChildProcess {
    /// Starts a child process on this fixture. It begins at [`go`](Self::go).
    pub(crate) fn start(
        config: &Config,
        what: &str,
        fixture: &Fixture,
        args: &[&str],
    ) -> Result<Self, String> {
        Self::start_at(config, what, fixture, fixture.address(), args)
    }

    /// Starts a child process that uses another address of the fixture's agent.
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

    /// Starts a child process that needs no agent.
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

    /// Sends `go`.
    pub(crate) fn go(&mut self) -> Result<(), String> {
        self.running.send("go")
    }

    /// Waits for a line that begins with this word, skips others, and returns the rest of it.
    pub(crate) fn line(&self, word: &str, within: Duration) -> Result<String, String> {
        let deadline = Instant::now() + within;
        loop {
            let line = self.running.next(word, deadline)?;
            if let Some(rest) = line.strip_prefix(word) {
                return Ok(rest.trim().to_owned());
            }
        }
    }

    /// Sends a command, and waits for the line that begins with the same word.
    pub(crate) fn ask(&mut self, command: &str, within: Duration) -> Result<String, String> {
        self.running.send(command)?;
        let word = command.split(' ').next().unwrap_or(command);
        self.line(word, within)
    }

    /// Sends a command that is answered with numbers.
    pub(crate) fn numbers(&mut self, command: &str, within: Duration) -> Result<Vec<u64>, String> {
        let line = self.ask(command, within)?;
        line.split(' ')
            .map(|word| {
                word.parse()
                    .map_err(|error| format!("{command}: {line}: {error}"))
            })
            .collect()
    }

    /// Returns the number of watches in this state.
    pub(crate) fn count_of(&mut self, state: &str, within: Duration) -> Result<usize, String> {
        let line = self.ask("states", within)?;
        let find = |pair: &str| pair.strip_prefix(state)?.strip_prefix('=')?.parse().ok();
        Ok(line.split(' ').find_map(find).unwrap_or_default())
    }

    /// Waits until every watch has delivered this round.
    pub(crate) fn delivered(&self, round: u32, within: Duration) -> Result<Delivered, String> {
        let deadline = Instant::now() + within;
        loop {
            let line = self.line(
                "delivered",
                deadline.saturating_duration_since(Instant::now()),
            )?;
            let words: Vec<f64> = line
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect();
            let [delivered, _, median_ms, worst_ms, ..] = words[..] else {
                return Err(format!("delivered {line}?"));
            };
            if delivered >= f64::from(round) {
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

    /// Writes every key in this round, waits until every watch has delivered it, and returns the time in seconds.
    pub(crate) fn write_and_wait(
        &self,
        writer: &mut KvWriter,
        count: usize,
        round: u32,
        within: Duration,
    ) -> Result<(f64, Delivered), String> {
        let writing = monotonic_ns();
        write_all(writer, count, round)?;
        let delivered = self.delivered(round, within)?;
        Ok((delivered.at.saturating_sub(writing) as f64 / 1e9, delivered))
    }

    /// Sends `go`, and waits until every query has a response and every watch has delivered this round, which was
    /// written before. Returns the time by the monotonic clock.
    pub(crate) fn begin(&mut self, round: u32, within: Duration) -> Result<u64, String> {
        let deadline = Instant::now() + within;
        let left = || deadline.saturating_duration_since(Instant::now());
        self.go()?;
        let (mut ready, mut delivered) = (None, None);
        while ready.is_none() || delivered.is_none() {
            let line = self.running.next("ready", Instant::now() + left())?;
            let mut words = line.split(' ');
            let (word, number) = (
                words.next(),
                words.next().and_then(|word| word.parse::<u64>().ok()),
            );
            match word {
                Some("ready") => ready = number,
                Some("delivered") if number == Some(round.into()) => {
                    delivered = words.next().and_then(|word| word.parse::<u64>().ok());
                }
                _ => {}
            }
        }
        Ok(ready.max(delivered).unwrap_or_default())
    }

    /// Returns the number of its connections to Consul.
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
