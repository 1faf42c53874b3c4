//! Runs our command and Consul's.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use consul_watch_harness::{DEADLINE, Signal, TestAgent, consul, signal};

/// Returns our command, without the Consul variables of the caller.
pub(crate) fn ours() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_consul-watch")))
}

/// Returns our command with the address of this agent.
pub(crate) fn ours_at(agent: &TestAgent) -> Command {
    let mut command = ours();
    command.env("CONSUL_HTTP_ADDR", agent.url());
    command
}

/// Returns Consul's command with the address of this agent.
pub(crate) fn theirs_at(agent: &TestAgent) -> Command {
    let mut command = clean(Command::new(consul().expect("Consul")));
    command
        .arg("watch")
        .env("CONSUL_HTTP_ADDR", agent.http_addr().to_string());
    command
}

/// Returns Consul's command for the key-value store with the address of this agent.
pub(crate) fn their_kv_at(agent: &TestAgent) -> Command {
    let mut command = clean(Command::new(consul().expect("Consul")));
    command
        .arg("kv")
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

/// Runs a command until it exits.
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

/// Waits until a child exits, and kills it after the deadline.
pub(crate) fn ended(mut child: Child) -> Output {
    let deadline = Instant::now() + DEADLINE;
    while child
        .try_wait()
        .expect("a child can be waited for")
        .is_none()
    {
        if Instant::now() > deadline {
            child.kill().expect("a child can be killed");
            let output = child.wait_with_output().expect("its output");
            panic!(
                "it did not exit within {DEADLINE:?}: {}",
                text(&output.stderr)
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its output")
}

/// Sends SIGINT and waits until the child exits.
pub(crate) fn interrupted(child: Child) -> Output {
    signal(&child, Signal::INT).expect("it is running");
    ended(child)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until the content of a file passes `fits`, and returns it.
pub(crate) fn until(file: &Path, what: &str, fits: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = std::fs::read_to_string(file).unwrap_or_default();
        if fits(&found) {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: waited {DEADLINE:?}, and {} holds {found:?}",
            file.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
