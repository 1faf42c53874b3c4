//! Installs peers.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Writes a file and returns whether its content changed.
pub(super) fn write(path: &Path, text: &str) -> Result<bool, String> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(false);
    }
    fs::write(path, text).map_err(|error| format!("its files: {error}"))?;
    Ok(true)
}

/// Runs a command and returns its output. Errors contain no path, because they go into the report.
pub(super) fn said(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let name = name.rsplit('/').next().unwrap_or_default().to_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    eprintln!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Err(format!("{name} failed ({})", output.status))
}
