//! Signals from a terminal: a real pseudo-terminal, created by `script` of util-linux.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use consul_watch_harness::TestAgent;

use crate::runner::{ended, text, until};

/// Runs our command in its own terminal.
fn in_a_terminal(agent: &TestAgent, line: &str) -> std::process::Child {
    let ours = env!("CARGO_BIN_EXE_consul-watch");
    Command::new("script")
        .args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &format!("exec {ours} {line}"),
            "/dev/null",
        ])
        .env("CONSUL_HTTP_ADDR", agent.url())
        .env("SHELL", "/bin/sh")
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`script` of util-linux is there")
}

#[test]
fn control_c_reaches_the_program_and_ends_the_watch() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes");
    let program = folder.path().join("program");
    let script = format!(
        "trap 'echo interrupted >> {0}; exit 0' INT\ncat > /dev/null\necho started >> {0}\nwhile :; do sleep 0.05; done\n",
        file.display()
    );
    std::fs::write(&program, script).unwrap();
    let mut child = in_a_terminal(
        &agent,
        &format!("-type=key -key=a sh {}", program.display()),
    );
    until(&file, "the program runs", |text| text.contains("started"));
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    until(&file, "the program was interrupted", |text| {
        text.contains("interrupted")
    });
    let output = ended(child);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn control_c_ends_a_watch_that_prints() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    let line = format!("-type=key -key=a --format=jsonl > {}", file.display());
    let mut child = in_a_terminal(&agent, &line);
    until(&file, "the first line", |text| text.ends_with('\n'));
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    assert_eq!(ended(child).status.code(), Some(0));
}

#[test]
fn the_output_of_the_program_is_shown() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let child = in_a_terminal(
        &agent,
        "-type=key -key=a --once 'cat; echo index $CONSUL_INDEX'",
    );
    let output = ended(child);
    let shown = text(&output.stdout);
    assert!(
        shown.contains(r#""Value":"MQ==""#) && shown.contains("index "),
        "{shown}"
    );
    assert_eq!(output.status.code(), Some(0));
}
