//! `consul watch`, with this program as the handler that it runs for each change.

use std::io::{self, Read as _};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Absent, Contender, Watched, child};
use crate::config::Config;
use crate::outcome::Side;

pub const TITLE: &str = "consul watch";

pub(super) fn contender(config: &Config) -> Result<Contender, Absent> {
    let version = version(config).map_err(|reason| Absent {
        title: TITLE.to_owned(),
        reason,
    })?;
    let (consul, exe) = (config.consul.clone(), config.exe.clone());
    let command = Box::new(move |address: &str, watched: Watched<'_>| {
        let mut command = Command::new(&consul);
        command.arg("watch").arg(format!("-http-addr={address}"));
        match watched {
            Watched::Key(name) => command.args(["-type=key", &format!("-key={name}")]),
            Watched::Prefix(name) => command.args(["-type=keyprefix", &format!("-prefix={name}")]),
        };
        // Without a shell in between, which would be one more process.
        command
            .arg("-shell=false")
            .arg(&exe)
            .args(["run-one", "handler", watched.word()]);
        command
    });
    Ok(Contender {
        title: TITLE.to_owned(),
        version: Some(version),
        side: Side::Peer,
        waits: false,
        command,
    })
}

/// The version of the Consul program, such as `1.8.7`.
pub fn version(config: &Config) -> Result<String, String> {
    let output = Command::new(&config.consul)
        .arg("version")
        .output()
        .map_err(|error| format!("consul does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default();
    let version = first
        .trim_start_matches("Consul")
        .trim()
        .trim_start_matches('v');
    Ok(version.split('+').next().unwrap_or_default().to_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    modify_index: u64,
    value: Option<String>,
}

/// Runs as the handler. It takes the time first, before it decodes the number.
pub(super) fn handle(args: &[&str]) -> Result<(), String> {
    let at = child::now();
    let mut input = Vec::new();
    io::stdin()
        .read_to_end(&mut input)
        .map_err(|error| format!("standard input: {error}"))?;
    let pairs: Vec<Pair> = if args == ["key"] {
        serde_json::from_slice(&input).map(|pair: Option<Pair>| pair.into_iter().collect())
    } else {
        serde_json::from_slice(&input).map(Option::unwrap_or_default)
    }
    .map_err(|error| error.to_string())?;
    let last = pairs.into_iter().max_by_key(|pair| pair.modify_index);
    let text = last.and_then(|pair| pair.value).unwrap_or_default();
    let value = STANDARD.decode(text).map_err(|error| error.to_string())?;
    child::seen(&value, at);
    Ok(())
}
