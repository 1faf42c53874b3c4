//! A reader of the output that goes away, or stops to read.

use std::{
    io::{Read, pipe},
    process::{Child, Stdio},
};

use consul_watch_harness::{DEADLINE, TestAgent, eventually};

use crate::runner::{ended, ours, ours_at};

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// A child that ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_exit_status_stays_true() {
    for (arguments, status) in [
        (&["check", "/nonexistent.hcl"][..], 2),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["--help"], 0),
        (&["-type=nonsense"], 2),
        (&["run", "/nonexistent.hcl"], 2),
        (&["kv", "get", "a", "-http-addr=127.0.0.1:1"], 1),
    ] {
        let child = ours()
            .args(arguments)
            .stdout(closed())
            .stderr(closed())
            .spawn()
            .expect("it starts");
        assert_eq!(ended(child).status.code(), Some(status), "{arguments:?}");
    }
}

/// A pipe holds 64 KiB; the program prints more than that, and its lines are logged.
#[test]
fn a_reader_that_stops_reading_the_log_stops_no_watch() {
    let agent = TestAgent::dev();
    let folder = tempfile::tempdir().expect("a folder");
    let (config, seen) = (folder.path().join("w.hcl"), folder.path().join("seen"));
    let text = format!(
        "watches {{ type = \"key\" key = \"a\" args = [\"sh\", \"-c\", \"echo >> {}; seq 20000; exit 1\"] }}",
        seen.display()
    );
    std::fs::write(&config, text).expect("a file");
    let (mut reader, writer) = pipe().expect("a pipe");
    let child = ours_at(&agent)
        .arg("run")
        .arg(&config)
        .stderr(writer)
        .spawn()
        .expect("it starts");
    let child = Running(child);
    // Each run fails, and its end is logged with 4 KiB of its output.
    for round in 1..=100 {
        agent.put("a", format!("{round}"));
        eventually(DEADLINE, "the change is handled", || {
            let runs = std::fs::read_to_string(&seen).unwrap_or_default();
            runs.lines().count() >= round
        });
    }
    drop(child);
    let mut log = Vec::new();
    reader.read_to_end(&mut log).expect("the log");
    let logged = String::from_utf8_lossy(&log);
    let runs = logged.matches("Captured 4096 of").count();
    assert!(
        (1..100).contains(&runs),
        "the pipe was full: {runs} runs, {} bytes",
        log.len()
    );
}
