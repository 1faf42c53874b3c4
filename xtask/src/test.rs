//! `cargo xtask test`: every test, against a real Consul.

use std::process::{Command, Stdio};

use crate::cargo::cargo;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let consul = consul_watch_harness::consul().map_err(|error| error.to_string())?;
    let with_consul = |mut command: Command| {
        command.env("CONSUL_BIN", &consul);
        command
    };
    let mut tests = with_consul(cargo());
    if has_nextest() {
        tests.args(["nextest", "run"]);
    } else {
        // Without `--all-targets`, which would run the benchmarks too.
        tests.args(["test", "--lib", "--bins", "--examples", "--tests"]);
    }
    check(
        tests.args(["--workspace", "--all-features"]).args(args),
        "the tests",
    )?;
    if args.is_empty() {
        check(
            with_consul(cargo()).args(["test", "--doc", "--workspace", "--all-features"]),
            "the doc tests",
        )?;
    }
    Ok(())
}

fn has_nextest() -> bool {
    let version = cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

fn check(command: &mut Command, what: &str) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|error| format!("cannot run cargo for {what}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what} failed ({status})"))
    }
}
