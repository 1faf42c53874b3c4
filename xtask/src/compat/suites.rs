//! The test programs that run with each Consul.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use super::outcome::Outcome;
use crate::cargo::{self, Artifact};

/// The suites that talk to a real Consul.
const SUITES: [&str; 9] = [
    "promises",
    "types",
    "command",
    "cluster",
    "behavior",
    "configuration",
    "daemon",
    "kv_store",
    "transport",
];

/// Builds the test programs.
pub(super) fn build() -> Result<Vec<Artifact>, String> {
    let mut args = vec![
        "test",
        "--no-run",
        "--package",
        "consul-watch",
        "--all-features",
    ];
    for suite in SUITES {
        args.extend(["--test", suite]);
    }
    let mut programs = cargo::build(&args)?;
    programs.retain(|program| SUITES.contains(&program.name.as_str()));
    programs.sort_by_key(|program| SUITES.iter().position(|suite| *suite == program.name));
    Ok(programs)
}

/// Runs one test program with a Consul, and shows what it prints about its failures.
pub(super) fn run(program: &Artifact, consul: &Path, outcome: &mut Outcome) -> Result<(), String> {
    let suite = program.name.as_str();
    let mut child = Command::new(&program.executable)
        .current_dir(&program.package)
        .env("CONSUL_BIN", consul)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.executable.display()))?;
    let mut report = Vec::new();
    let stdout = child.stdout.take().map(BufReader::new);
    for line in stdout.into_iter().flat_map(BufRead::lines) {
        let line = line.map_err(|error| format!("{suite}: {error}"))?;
        outcome.read(suite, &line);
        report.push(line);
    }
    let status = child.wait().map_err(|error| format!("{suite}: {error}"))?;
    if let Some(last) = report
        .iter()
        .rev()
        .find(|line| line.starts_with("test result"))
    {
        println!("{suite}: {last}");
    }
    if outcome.has_failures_of(suite) {
        println!("{}", report.join("\n"));
    } else if !status.success() {
        outcome.broken(suite, &status.to_string());
    }
    Ok(())
}
