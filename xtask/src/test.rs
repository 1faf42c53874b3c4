//! `cargo xtask test`: every test and every doc test, against a real Consul.
//!
//! Cargo's own runner runs them, without retries: a test that fails once has found a fault.

use std::process::Command;

use crate::cargo::cargo;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let consul = consul_watch_harness::consul().map_err(|error| error.to_string())?;
    let with_consul = |mut command: Command| {
        command.env("CONSUL_BIN", &consul);
        command
    };
    // Not `--all-targets`, which would run the benchmarks too.
    let mut tests = with_consul(cargo());
    tests
        .args(["test", "--lib", "--bins", "--examples", "--tests"])
        .args(["--workspace", "--all-features", "--no-fail-fast"])
        .args(args);
    let tests = succeeds(&mut tests, "the tests");
    if !args.is_empty() {
        return tests;
    }
    let mut doc_tests = with_consul(cargo());
    doc_tests.args(["test", "--doc", "--workspace", "--all-features"]);
    let doc_tests = succeeds(&mut doc_tests, "the doc tests");
    tests.and(doc_tests)
}

fn succeeds(command: &mut Command, what: &str) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|error| format!("cannot run cargo for {what}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what} failed ({status})"))
    }
}
