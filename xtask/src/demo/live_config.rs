//! The example as a child process, and its output.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use consul_watch_harness::{Signal, signal};

/// The number of last lines kept for an error.
const KEPT: usize = 30;

/// One line `change <kind> <key> index=<n> reason=<reason> value=<text>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) kind: String,
    pub(super) key: String,
    pub(super) reason: String,
    pub(super) value: String,
}

impl Change {
    pub(super) fn is(&self, kind: &str, key: &str, value: &str) -> bool {
        self.kind == kind && self.key == key && self.value == value
    }

    fn parse(line: &str) -> Option<Self> {
        let (kind, rest) = line.strip_prefix("change ")?.split_once(' ')?;
        let (key, rest) = rest.split_once(" index=")?;
        let (_, rest) = rest.split_once(" reason=")?;
        let (reason, value) = rest.split_once(" value=")?;
        let [kind, key, reason, value] = [kind, key, reason, value].map(str::to_owned);
        Some(Self {
            kind,
            key,
            reason,
            value,
        })
    }
}

/// A change and the time of its line.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) at: Instant,
    pub(super) change: Change,
}

enum Line {
    Out(Instant, String),
    Err(String),
}

/// The running example; killed when dropped.
pub(super) struct LiveConfig {
    child: Child,
    lines: Receiver<Line>,
    last_lines: VecDeque<String>,
    ready: bool,
    stopped: bool,
    deliveries: Vec<Delivery>,
    next_unread: usize,
    state: HashMap<String, String>,
}

impl LiveConfig {
    pub(super) fn start(program: &Path, consul: &str) -> Result<Self, String> {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            // A token or a datacenter of another Consul must not reach this one.
            if name.to_string_lossy().starts_with("CONSUL_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .env("CONSUL_HTTP_ADDR", consul)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let (sender, lines) = channel();
        read(child.stdout.take(), sender.clone(), |line| {
            Line::Out(Instant::now(), line)
        });
        read(child.stderr.take(), sender, Line::Err);
        Ok(Self {
            child,
            lines,
            last_lines: VecDeque::new(),
            ready: false,
            stopped: false,
            deliveries: Vec::new(),
            next_unread: 0,
            state: HashMap::new(),
        })
    }

    /// Waits for the line `ready`.
    pub(super) fn ready(&mut self, within: Duration) -> Result<(), String> {
        self.until(within, "live_config's line `ready`", |app| {
            app.ready.then_some(())
        })
    }

    /// Waits for a change that `wanted` accepts, after the last one awaited. It may have arrived already.
    pub(super) fn delivery(
        &mut self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&Change) -> bool,
    ) -> Result<Delivery, String> {
        self.until(within, &format!("the delivery of {what}"), |app| {
            while let Some(delivery) = app.deliveries.get(app.next_unread) {
                app.next_unread += 1;
                if wanted(&delivery.change) {
                    return Some(delivery.clone());
                }
            }
            None
        })
    }

    /// Returns the number of changes of this key so far.
    pub(super) fn deliveries_of(&self, key: &str) -> usize {
        self.deliveries
            .iter()
            .filter(|delivery| delivery.change.key == key)
            .count()
    }

    /// Sends SIGTERM, and waits for the line `stopped` and a successful exit.
    pub(super) fn stop(&mut self, within: Duration) -> Result<(), String> {
        let deadline = Instant::now() + within;
        signal(&self.child, Signal::TERM)
            .map_err(|error| format!("cannot send SIGTERM to live_config: {error}"))?;
        self.until(
            within,
            "live_config's line `stopped` after SIGTERM",
            |app| app.stopped.then_some(()),
        )?;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                Ok(None) => return Err(format!("live_config still runs {within:?} after SIGTERM")),
                Err(error) => return Err(format!("cannot wait for live_config: {error}")),
            }
        };
        if status.success() {
            Ok(())
        } else {
            Err(format!("live_config ended with {status} after SIGTERM"))
        }
    }

    /// Returns its last lines, to explain an error.
    pub(super) fn last_lines(&self) -> String {
        let lines: Vec<&str> = self.last_lines.iter().map(String::as_str).collect();
        format!("live_config's last lines:\n{}", lines.join("\n"))
    }

    fn until<T>(
        &mut self,
        within: Duration,
        what: &str,
        mut find: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = find(self) {
                return Ok(found);
            }
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.take(line)?,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("MISSING: {what} did not arrive within {within:?}"));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self
                        .child
                        .wait()
                        .map_or_else(|e| e.to_string(), |status: ExitStatus| status.to_string());
                    return Err(format!("MISSING: {what}; live_config has ended ({status})"));
                }
            }
        }
    }

    fn take(&mut self, line: Line) -> Result<(), String> {
        let (Line::Out(_, text) | Line::Err(text)) = &line;
        if self.last_lines.len() == KEPT {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(text.clone());
        let Line::Out(at, text) = line else {
            return Ok(());
        };
        match text.as_str() {
            "ready" => self.ready = true,
            "stopped" => self.stopped = true,
            text => {
                let Some(change) = Change::parse(text) else {
                    return Ok(());
                };
                self.check(&change)?;
                self.deliveries.push(Delivery { at, change });
            }
        }
        Ok(())
    }

    /// Refuses a repeated delivery.
    fn check(&mut self, change: &Change) -> Result<(), String> {
        let before = if change.kind == "removed" {
            let missing = self.state.remove(&change.key).is_none();
            missing.then(String::new)
        } else {
            self.state
                .insert(change.key.clone(), change.value.clone())
                .filter(|before| *before == change.value)
        };
        match before {
            Some(_) => Err(format!(
                "DELIVERED TWICE: {} {} ({})",
                change.kind, change.key, change.value
            )),
            None => Ok(()),
        }
    }
}

impl Drop for LiveConfig {
    fn drop(&mut self) {
        // Failure means that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(from: Option<impl Read + Send + 'static>, to: Sender<Line>, line: fn(String) -> Line) {
    let Some(from) = from else { return };
    thread::spawn(move || {
        for text in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(line(text)).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_of_the_example() {
        let change =
            Change::parse("change updated kvTest/test/a b index=12 reason=change value=x value=y")
                .unwrap();
        assert!(
            change.is("updated", "kvTest/test/a b", "x value=y"),
            "{change:?}"
        );
        assert_eq!(change.reason, "change");
        assert_eq!(Change::parse("changed nothing"), None);
        assert_eq!(Change::parse("change added k index=1"), None);
    }
}
