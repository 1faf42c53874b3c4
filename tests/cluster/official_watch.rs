//! HashiCorp's `consul watch`, run beside this crate's watches.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use consul_watch_harness::{TestAgent, consul};

/// `consul watch` of one key, whose child prints each value; ended when dropped.
pub(crate) struct OfficialWatch {
    process: Child,
    lines: Receiver<(Instant, String)>,
}

impl OfficialWatch {
    pub(crate) fn start(agent: &TestAgent, key: &str) -> Self {
        let mut command = Command::new(consul().expect("Consul"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CONSUL_") {
                command.env_remove(name);
            }
        }
        command.args([
            "watch",
            "-type=key",
            &format!("-key={key}"),
            &format!("-http-addr={}", agent.url()),
        ]);
        command.args(["-shell=false", "cat"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().expect("consul watch runs");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Fails when the test has ended.
                if sender.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    /// Returns the time of the first delivery with this value in base64; `None` if none comes in time.
    pub(crate) fn says(&self, base64: &str, within: Duration) -> Option<Instant> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (at, line) = self.lines.recv_timeout(left).ok()?;
            if line.contains(&format!("\"Value\":\"{base64}\"")) {
                return Some(at);
            }
        }
    }
}

impl Drop for OfficialWatch {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
