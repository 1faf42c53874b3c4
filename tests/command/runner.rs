//! The two commands, and what they say.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use consul_watch_harness::{Signal, TestAgent, consul, signal};

/// Ends a test that has failed; what comes, comes much sooner.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Ours, with nothing of the caller's Consul in its environment.
pub(crate) fn ours() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_consul-watch")))
}

/// Ours, asking this agent.
pub(crate) fn ours_at(agent: &TestAgent) -> Command {
    let mut command = ours();
    command.env("CONSUL_HTTP_ADDR", agent.url());
    command
}

/// Consul's own, asking this agent.
pub(crate) fn theirs_at(agent: &TestAgent) -> Command {
    let mut command = clean(Command::new(consul().expect("Consul")));
    command
        .arg("watch")
        .env("CONSUL_HTTP_ADDR", agent.http_addr().to_string());
    command
}

fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CONSUL_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.env("SHELL", "/bin/sh").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn finished(
    command: &mut Command,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Output {
    let child = command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    ended(child)
}

/// Waits for a child's end, and ends it when it takes too long.
pub(crate) fn ended(mut child: Child) -> Output {
    let deadline = Instant::now() + SOON;
    while child
        .try_wait()
        .expect("a child can be waited for")
        .is_none()
    {
        if Instant::now() > deadline {
            child.kill().expect("a child can be killed");
            let output = child.wait_with_output().expect("its output");
            panic!("it did not end within {SOON:?}: {}", text(&output.stderr));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its output")
}

/// Sends SIGINT and waits for the end.
pub(crate) fn interrupted(child: Child) -> Output {
    signal(&child, Signal::INT).expect("it is running");
    ended(child)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a file holds once it fits.
pub(crate) fn until(file: &Path, what: &str, fits: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + SOON;
    loop {
        let found = std::fs::read_to_string(file).unwrap_or_default();
        if fits(&found) {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: waited {SOON:?}, and {} holds {found:?}",
            file.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
