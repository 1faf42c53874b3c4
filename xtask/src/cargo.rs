//! Cargo, called from a command that cargo itself has called.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// A program that cargo has built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    /// The name of its target.
    pub(crate) name: String,
    /// The directory of its package.
    pub(crate) package: PathBuf,
    pub(crate) executable: PathBuf,
}

/// Returns the cargo that runs this command, in the workspace's directory.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo
}

/// Runs a cargo command that builds, and returns the programs it has built.
pub(crate) fn build(args: &[&str]) -> Result<Vec<Artifact>, String> {
    let output = cargo()
        .args(args)
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if output.status.success() {
        Ok(artifacts(&String::from_utf8_lossy(&output.stdout)))
    } else {
        Err(format!("cargo {} failed", args.join(" ")))
    }
}

/// Builds an example and returns its path.
pub(crate) fn example(name: &str) -> Result<PathBuf, String> {
    build(&["build", "--quiet", "--example", name])?
        .into_iter()
        .find(|artifact| artifact.name == name)
        .map(|artifact| artifact.executable)
        .ok_or_else(|| format!("cargo does not report where the example {name} is"))
}

/// Reads the programs from cargo's messages, each a line of JSON.
fn artifacts(messages: &str) -> Vec<Artifact> {
    let artifact = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let mut package = PathBuf::from(message["manifest_path"].as_str()?);
        package.pop();
        Some(Artifact {
            name: message["target"]["name"].as_str()?.to_owned(),
            package,
            executable: message["executable"].as_str()?.into(),
        })
    };
    messages.lines().filter_map(artifact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_programs_among_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"name":"a"},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/w/b/Cargo.toml","target":{"name":"b"},"executable":"/t/b-1"}
{"reason":"build-finished","success":true}
not JSON"#;
        let b = Artifact {
            name: "b".to_owned(),
            package: "/w/b".into(),
            executable: "/t/b-1".into(),
        };
        assert_eq!(artifacts(messages), [b]);
    }
}
