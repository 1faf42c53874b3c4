//! `cargo xtask compat`: the suites and the storms against each given Consul, and docs/compatibility.md.

mod document;
mod outcome;
mod suites;

use std::{env, fs, path::Path, process::Command};

use serde_json::Value;

use self::outcome::{Outcome, Storm};

const USAGE: &str = "usage: cargo xtask compat CONSUL... (paths of Consul programs; the document is written when there are two or more)";

/// The storms of each run, with their arguments.
const STORMS: [&str; 2] = ["restores", "policies"];

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    if args.is_empty() || args.iter().any(|arg| arg.starts_with('-')) {
        return Err(USAGE.to_owned());
    }
    let programs = suites::build()?;
    let mut outcomes = Vec::new();
    for path in args {
        let path = fs::canonicalize(path).map_err(|error| format!("{path}: {error}"))?;
        let version = version(&path)?;
        println!("== Consul {version}");
        let mut outcome = Outcome::new(&version);
        for program in &programs {
            suites::run(program, &path, &mut outcome)?;
        }
        for kind in STORMS {
            let storm = storm(kind, &path)?;
            println!("{storm}");
            outcome.storms.push(storm);
        }
        outcomes.push(outcome);
    }
    outcomes.sort_by_key(Outcome::release);
    if outcomes.len() > 1 {
        document::write(&outcomes)?;
    }
    let failures: Vec<String> = outcomes.iter().flat_map(Outcome::failures).collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(format!("failed:\n  {}", failures.join("\n  ")))
    }
}

/// The version that a Consul program names: `1.16.4` of `Consul v1.16.4`.
fn version(consul: &Path) -> Result<String, String> {
    let shown = consul.display();
    let output = Command::new(consul)
        .arg("version")
        .output()
        .map_err(|error| format!("{shown}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let named = text.lines().find_map(|line| line.strip_prefix("Consul v"));
    named
        .map(|version| release(version.trim()).to_owned())
        .ok_or_else(|| format!("{shown} version: not a Consul: {text}"))
}

/// Returns the release that a version is of: without the name of a build, but with `-dev`.
fn release(version: &str) -> &str {
    let end = version.find(['-', '+']).unwrap_or(version.len());
    if version[end..].starts_with("-dev") {
        version
    } else {
        &version[..end]
    }
}

/// Runs one storm in a process of its own, since a process looks for its Consul once.
fn storm(kind: &str, consul: &Path) -> Result<Storm, String> {
    let own = env::current_exe().map_err(|error| format!("the own program: {error}"))?;
    let output = Command::new(own)
        .args(["storm", kind, "--json"])
        .env("CONSUL_BIN", consul)
        .output()
        .map_err(|error| format!("cargo xtask storm: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    let counts: Option<Value> = line.and_then(|line| serde_json::from_str(line).ok());
    let storm = counts.and_then(|counts| Storm::of(kind, &counts));
    storm.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("the storm of {kind} has no result:\n{text}{errors}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_build_is_no_part_of_a_release() {
        for (version, of) in [
            ("1.8.7", "1.8.7"),
            ("1.8.7+dfsg1", "1.8.7"),
            ("1.21.4-mine3", "1.21.4"),
            ("1.23.0-dev", "1.23.0-dev"),
        ] {
            assert_eq!(release(version), of);
        }
    }
}
