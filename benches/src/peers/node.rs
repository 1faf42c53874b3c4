//! `consul` of npm, by its own `watch()`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Absent, Contender, Side, install};
use crate::config::Config;

pub const TITLE: &str = "npm consul";
const PACKAGES: &str = include_str!("../../peers/node/package.json");
const PROGRAM: &str = include_str!("../../peers/node/watch.js");

pub(super) fn contender(config: &Config) -> Result<Contender, Absent> {
    let home = config.peers.join("node");
    let installed = installed(&home).map_err(|reason| Absent {
        title: TITLE.to_owned(),
        reason,
    })?;
    let program = home.join("watch.js");
    let contender = Contender::program(TITLE, Side::Peer, move || {
        let mut command = Command::new("node");
        command.arg(&program);
        command
    });
    Ok(contender.with_version(installed))
}

/// Installs the pinned packages and the program, and returns their versions.
fn installed(home: &PathBuf) -> Result<String, String> {
    let node = install::said(Command::new("node").arg("--version"))?;
    fs::create_dir_all(home).map_err(|error| format!("its directory: {error}"))?;
    install::write(&home.join("watch.js"), PROGRAM)?;
    if install::write(&home.join("package.json"), PACKAGES)?
        || !home.join("node_modules/consul").exists()
    {
        install::said(
            Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(home),
        )?;
    }
    let read = r#"process.stdout.write(require("consul/package.json").version)"#;
    let version = install::said(Command::new("node").args(["-e", read]).current_dir(home))?;
    Ok(format!(
        "{version} on Node.js {}",
        node.trim_start_matches('v')
    ))
}
