//! The runs of all tests, some at a time.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use consul_watch_harness::kill_group;

use super::Test;

/// A run that takes longer hangs. It is ended, with the agents it has started.
const LIMIT: Duration = Duration::from_secs(600);

const POLL: Duration = Duration::from_millis(20);

/// All runs: each test once, then each test for the second time, and so on.
pub(super) struct Runs<'a> {
    tests: &'a [Test],
    times: usize,
    consul: &'a Path,
    next: AtomicUsize,
    ended: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl<'a> Runs<'a> {
    pub(super) fn new(tests: &'a [Test], times: usize, consul: &'a Path) -> Self {
        Self {
            tests,
            times,
            consul,
            next: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            failures: Mutex::default(),
        }
    }

    /// Does them all, `jobs` at a time, and returns the failed ones.
    pub(super) fn run(self, jobs: usize) -> Vec<String> {
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| self.work());
            }
        });
        let failures = self.failures.into_inner();
        failures.unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let all = self.tests.len() * self.times;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= all {
                return;
            }
            let (test, round) = (
                &self.tests[number % self.tests.len()],
                number / self.tests.len() + 1,
            );
            if let Err(output) = run(test, self.consul, LIMIT) {
                let name = format!("{} (round {round})", test.full_name());
                println!("\n==== FAILED {name}\n{output}\n====\n");
                self.failures
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(name);
            }
            let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
            if ended.is_multiple_of(self.tests.len()) {
                println!("{ended} of {all} runs");
            }
        }
    }
}

/// Runs one test once; an error is all of its output.
fn run(test: &Test, consul: &Path, limit: Duration) -> Result<(), String> {
    let outcome = log().and_then(|mut log| {
        let mut command = Command::new(&test.executable);
        command
            .args(["--exact", &test.name, "--nocapture", "--test-threads=1"])
            .current_dir(&test.package)
            .env("CONSUL_BIN", consul)
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .process_group(0);
        let status = wait(command.spawn()?, limit)?;
        let mut output = Vec::new();
        log.rewind()?;
        log.read_to_end(&mut output)?;
        Ok((status, String::from_utf8_lossy(&output).into_owned()))
    });
    match outcome {
        Ok((Some(status), _)) if status.success() => Ok(()),
        Ok((Some(status), output)) => Err(format!("{output}\n{status}")),
        Ok((None, output)) => Err(format!("{output}\nit did not end within {limit:?}")),
        Err(error) => Err(format!("cannot run it: {error}")),
    }
}

/// A file without a name, which goes with its last descriptor.
fn log() -> io::Result<File> {
    tempfile::tempfile()
}

/// Waits for the end; `None` if it does not come in time, and everything that the child started is killed then.
fn wait(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            kill_group(&child)?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell in place of a test program: it gets the arguments of one.
    fn script(text: &str) -> (tempfile::TempDir, Test) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let executable = folder.path().join("program");
        std::fs::write(&executable, format!("#!/bin/sh\n{text}\n")).expect("a file");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&executable, mode).expect("a program");
        let program = Test {
            name: "a::test".to_owned(),
            target: "target".to_owned(),
            executable,
            package: folder.path().to_owned(),
        };
        (folder, program)
    }

    #[test]
    fn every_run_counts_and_a_failure_shows_its_output() {
        // Fails at every second run.
        let (_folder, flaky) = script("echo ran >> runs; test $(($(wc -l < runs) % 2)) = 1");
        let tests = [flaky];
        let failures = Runs::new(&tests, 4, Path::new("consul")).run(1);
        assert_eq!(
            failures,
            ["target::a::test (round 2)", "target::a::test (round 4)"]
        );

        let (_folder, fails) = script("echo out $2; echo err >&2; exit 3");
        let output = run(&fails, Path::new("consul"), LIMIT).expect_err("it fails");
        assert!(output.starts_with("out a::test\nerr\n"), "{output}");
        assert!(output.contains("exit status: 3"), "{output}");
    }

    #[test]
    fn a_run_that_hangs_is_ended_with_what_it_started() {
        let (folder, hangs) = script("sleep 600 & echo $! > child; wait");
        let output = run(&hangs, Path::new("consul"), Duration::from_secs(1));
        assert!(
            output
                .expect_err("it hangs")
                .contains("did not end within 1s")
        );
        let child = std::fs::read_to_string(folder.path().join("child")).expect("it began");
        let stat = format!("/proc/{}/stat", child.trim());
        consul_watch_harness::eventually(
            consul_watch_harness::DEADLINE,
            "the end of the child",
            || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z")),
        );
    }
}
