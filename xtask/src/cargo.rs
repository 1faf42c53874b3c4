//! Cargo, called from a command that cargo itself has called.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The cargo that runs this command, in the workspace's directory.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo
}

/// Builds an example and returns where it is.
pub(crate) fn example(name: &str) -> Result<PathBuf, String> {
    let output = cargo()
        .args([
            "build",
            "--quiet",
            "--example",
            name,
            "--message-format",
            "json-render-diagnostics",
        ])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("the example {name} does not build"));
    }
    executable(&String::from_utf8_lossy(&output.stdout), name)
        .ok_or_else(|| format!("cargo does not say where it has built the example {name}"))
}

/// Reads the path off cargo's messages, each a line of JSON.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let end = format!("/{name}");
    messages
        .lines()
        .filter_map(|line| line.split_once(r#""executable":""#)?.1.split('"').next())
        .find_map(|path| path.ends_with(&end).then(|| PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_executable_among_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","executable":null,"fresh":true}
{"reason":"compiler-artifact","executable":"/t/debug/examples/live_config","fresh":true}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executable(messages, "live_config"),
            Some("/t/debug/examples/live_config".into())
        );
        assert_eq!(executable(messages, "config"), None);
    }
}
