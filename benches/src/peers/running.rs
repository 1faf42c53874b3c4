//! A contender at work.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::lines::Lines;
use crate::measure::{cpu_ns, peak_bytes, resident_bytes};

/// Far longer than the slowest needs for a wake-up.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// A contender at work; it is ended when dropped.
pub struct Running {
    title: String,
    /// Whether it waits for the line `go`; who does not watches from its start.
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
        // A proxy or a token of the machine would change what is measured.
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

    /// Lets it begin to watch.
    pub fn go(&mut self) -> Result<(), String> {
        if self.waits { self.tell("go") } else { Ok(()) }
    }

    /// Waits until it has seen this number, or a later one, and returns when.
    pub fn sees(&self, sequence: u64) -> Result<u64, String> {
        let deadline = Instant::now() + PROBE_TIMEOUT;
        loop {
            let line = self.next(&format!("number {sequence}"), deadline)?;
            if let Some(rest) = line.strip_prefix("seen ")
                && let Some((told, at)) = rest.split_once(' ')
                && let (Ok(told), Ok(at)) = (told.parse::<u64>(), at.parse::<u64>())
            {
                if told >= sequence {
                    return Ok(at);
                }
            } else {
                return Err(format!("{} said {line:?}", self.title));
            }
        }
    }

    /// Waits for a line that begins with this word, and returns what follows.
    pub fn line(&self, word: &str) -> Result<String, String> {
        let deadline = Instant::now() + PROBE_TIMEOUT;
        let line = self.next(word, deadline)?;
        line.strip_prefix(word)
            .map(|rest| rest.trim().to_owned())
            .ok_or_else(|| format!("{} said {line:?} instead of {word}", self.title))
    }

    /// Sends it a line.
    pub fn tell(&mut self, line: &str) -> Result<(), String> {
        let input = self
            .input
            .as_mut()
            .ok_or_else(|| format!("{} takes no input", self.title))?;
        writeln!(input, "{line}")
            .and_then(|()| input.flush())
            .map_err(|error| format!("{}: {error}", self.title))
    }

    /// The next line, whatever it says; `what` is waited for.
    pub fn next(&self, what: &str, deadline: Instant) -> Result<String, String> {
        self.lines
            .next(deadline)
            .map_err(|reason| format!("{}: waiting for {what}: {reason}", self.title))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processor time it has used, its children's not counted.
    pub fn cpu_ns(&self) -> Result<u64, String> {
        cpu_ns(self.child.id())
    }

    /// The memory it has now.
    pub fn resident_bytes(&self) -> Result<u64, String> {
        resident_bytes(self.child.id())
    }

    /// The most memory it had so far.
    pub fn peak_bytes(&self) -> Result<u64, String> {
        peak_bytes(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.input = None;
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
