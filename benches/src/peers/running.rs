//! A running contender.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::lines::Lines;
use crate::measure::{cpu_ns, peak_bytes, resident_bytes};

/// Far longer than a wake-up of the slowest contender takes.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// A running contender. Dropping it kills the process.
pub struct Running {
    title: String,
    /// Whether it waits for the line `go`. Otherwise it watches as soon as it starts.
    waits: bool,
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines,
}

impl Running {
    pub fn start(title: &str, mut command: Command, waits: bool) -> Result<Self, String> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        // A proxy or a token from the environment would change the result.
        for name in [
            "http_proxy",
            "https_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "all_proxy",
        ] {
            command.env_remove(name);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CONSUL_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .spawn()
            .map_err(|error| format!("{title} does not start: {error}"))?;
        let input = child.stdin.take();
        let lines = child
            .stdout
            .take()
            .map(Lines::of)
            .ok_or_else(|| format!("{title} has no output"))?;
        let running = Self {
            title: title.to_owned(),
            waits,
            child,
            input,
            lines,
        };
        if waits {
            running.line("idle")?;
        }
        Ok(running)
    }

    /// Sends `go`, on which it begins to watch.
    pub fn go(&mut self) -> Result<(), String> {
        if self.waits { self.send("go") } else { Ok(()) }
    }

    /// Waits until it has seen this number or a later one, and returns the time.
    pub fn sees(&self, sequence: u64) -> Result<u64, String> {
        let deadline = Instant::now() + PROBE_TIMEOUT;
        loop {
            let line = self.next(&format!("number {sequence}"), deadline)?;
            if let Some(rest) = line.strip_prefix("seen ")
                && let Some((delivered, at)) = rest.split_once(' ')
                && let (Ok(delivered), Ok(at)) = (delivered.parse::<u64>(), at.parse::<u64>())
            {
                if delivered >= sequence {
                    return Ok(at);
                }
            } else {
                return Err(format!("{} said {line:?}", self.title));
            }
        }
    }

    /// Waits for a line that begins with this word, and returns the rest of it.
    pub fn line(&self, word: &str) -> Result<String, String> {
        let deadline = Instant::now() + PROBE_TIMEOUT;
        let line = self.next(word, deadline)?;
        line.strip_prefix(word)
            .map(|rest| rest.trim().to_owned())
            .ok_or_else(|| format!("{} said {line:?} instead of {word}", self.title))
    }

    /// Sends a line to it.
    pub fn send(&mut self, line: &str) -> Result<(), String> {
        let input = self
            .input
            .as_mut()
            .ok_or_else(|| format!("{} takes no input", self.title))?;
        writeln!(input, "{line}")
            .and_then(|()| input.flush())
            .map_err(|error| format!("{}: {error}", self.title))
    }

    /// Returns the next line. `what` names the expected one for the error.
    pub fn next(&self, what: &str, deadline: Instant) -> Result<String, String> {
        self.lines
            .next(deadline)
            .map_err(|reason| format!("{}: waiting for {what}: {reason}", self.title))
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processor time that it has used, without its children.
    pub fn cpu_ns(&self) -> Result<u64, String> {
        cpu_ns(self.child.id())
    }

    /// Its resident memory.
    pub fn resident_bytes(&self) -> Result<u64, String> {
        resident_bytes(self.child.id())
    }

    /// Its peak memory.
    pub fn peak_bytes(&self) -> Result<u64, String> {
        peak_bytes(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.input = None;
        // Failure means that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
