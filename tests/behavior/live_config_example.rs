//! The example `live_config` prints changes, reloads, and ends cleanly, as its documentation says.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use consul_watch_harness::{
    DEADLINE, FaultProxy, Refusal, Signal, TestAgent, eventually_some, signal,
};

/// The running example. It is killed when dropped.
struct Example {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Example {
    fn start(consul: &str) -> Self {
        let mut command = Command::new(program());
        for (name, _) in env::vars_os() {
            // The environment may name another Consul.
            if name.to_string_lossy().starts_with("CONSUL_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .env("CONSUL_HTTP_ADDR", consul)
            .env("RUST_LOG", "consul_watch=info,consul_watch_actors=info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example runs");
        let (sender, lines) = channel();
        read(child.stdout.take(), sender.clone());
        read(child.stderr.take(), sender);
        Self {
            child,
            lines,
            heard: Vec::new(),
        }
    }

    /// Waits for a line that contains `part`, and returns the lines up to it.
    #[track_caller]
    fn until(&mut self, part: &str) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = Vec::new();
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.heard.push(line.clone());
                    lines.push(line);
                    if lines.last().is_some_and(|line| line.contains(part)) {
                        return lines;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no line `{part}`, only {:#?}", self.heard)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the example ended without `{part}`: {:#?}", self.heard)
                }
            }
        }
    }

    #[track_caller]
    fn send(&self, which: Signal) {
        signal(&self.child, which).expect("it runs");
    }

    /// Waits until it has stopped and ended successfully.
    #[track_caller]
    fn stops(&mut self) {
        self.until("stopped");
        let status = eventually_some(DEADLINE, "its end", || {
            self.child.try_wait().expect("a child")
        });
        assert!(
            status.success(),
            "it ended with {status}: {:#?}",
            self.heard
        );
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(from: Option<impl Read + Send + 'static>, to: Sender<String>) {
    let from = from.expect("a pipe");
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
}

/// Returns the path of the example. Cargo puts examples beside the tests' directory, and builds them with the tests
/// unless it builds this one test target alone.
fn program() -> PathBuf {
    let test = env::current_exe().expect("this test has a path");
    let profile = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("target/<profile>/deps");
    let program = profile.join("examples/live_config");
    if !program.is_file() {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args([
            "build",
            "--quiet",
            "--package",
            "consul-watch",
            "--example",
            "live_config",
        ]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let status = build.status().expect("cargo runs");
        assert!(
            status.success() && program.is_file(),
            "cannot build the example: {status}"
        );
    }
    program
}

fn changes(lines: &[String]) -> Vec<String> {
    let values = lines.iter().filter_map(|line| line.strip_prefix("change "));
    values
        .map(|line| {
            line.split_whitespace()
                .filter(|word| !word.starts_with("index="))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

#[test]
fn each_signal_ends_it_cleanly() {
    let agent = TestAgent::dev();
    for which in [Signal::INT, Signal::TERM, Signal::QUIT] {
        agent.delete_tree("kvTest");
        let proxy = FaultProxy::start(agent.http_addr());
        let mut example = Example::start(&proxy.url());
        example.until("ready");
        agent.put("kvTest/test/port", "8080");
        let lines = example.until("kvTest/test/port");
        assert_eq!(
            changes(&lines).last().expect("it"),
            "added kvTest/test/port reason=change value=8080"
        );
        example.send(which);
        example.stops();
        proxy.wait_until_open(0, DEADLINE);
    }
}

#[test]
fn a_hangup_restarts_and_repeats_nothing() {
    let agent = TestAgent::dev();
    agent.put("kvTest/test/port", "1");
    let mut example = Example::start(&agent.url());
    let lines = example.until("ready");
    let mut first = changes(&lines);
    if first.len() < 2 {
        // Its own write may arrive after it is ready.
        first.extend(changes(&example.until("kvTest/test/started")));
    }
    assert!(
        first.contains(&"added kvTest/test/port reason=first value=1".to_owned()),
        "{first:?}"
    );
    for turn in 1..4 {
        example.send(Signal::HUP);
        example.until("reset 1");
        agent.put("kvTest/test/port", format!("{}", turn + 1));
        let lines = example.until("kvTest/test/port");
        let told = changes(&lines);
        assert_eq!(told.len(), 1, "nothing is repeated: {told:?}");
        assert!(
            told[0].starts_with("updated kvTest/test/port")
                && told[0].ends_with(&format!("value={}", turn + 1))
        );
    }
    agent.delete("kvTest/test/port");
    let told = changes(&example.until("removed"));
    assert_eq!(told, ["removed kvTest/test/port reason=change value=-"]);
    example.send(Signal::TERM);
    example.stops();
}

#[test]
fn without_consul_it_waits_and_ends_as_cleanly() {
    let agent = TestAgent::dev();
    let proxy = FaultProxy::start(agent.http_addr());
    proxy.refuse(Refusal::Closed);
    let mut example = Example::start(&proxy.url());
    example.until("Consul did not take test/started");
    if !example.heard.iter().any(|line| line.contains("WARN")) {
        example.until("WARN");
    }
    agent.put("kvTest/test/port", "8080");
    proxy.pass();
    let lines = example.until("kvTest/test/port");
    assert_eq!(
        changes(&lines),
        ["added kvTest/test/port reason=first value=8080"]
    );
    let warnings = example
        .heard
        .iter()
        .filter(|line| line.contains("WARN"))
        .count();
    assert_eq!(warnings, 1, "{:#?}", example.heard);
    example.send(Signal::TERM);
    example.stops();

    proxy.refuse(Refusal::Closed);
    let mut example = Example::start(&proxy.url());
    example.until("Consul did not take test/started");
    example.send(Signal::INT);
    example.stops();
}
