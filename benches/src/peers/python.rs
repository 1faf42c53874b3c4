//! `py-consul` of `PyPI`: a loop around its blocking `kv.get`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Absent, Contender, Side, install};
use crate::config::Config;

const TITLE: &str = "py-consul";
const PACKAGES: &str = include_str!("../../peers/python/requirements.txt");
const PROGRAM: &str = include_str!("../../peers/python/watch.py");

pub(super) fn contender(config: &Config) -> Result<Contender, Absent> {
    let home = config.peers.join("python");
    let (python, version) = installed(&home).map_err(|reason| Absent {
        title: TITLE.to_owned(),
        reason,
    })?;
    let program = home.join("watch.py");
    let contender = Contender::program(TITLE, Side::Peer, move || {
        let mut command = Command::new(&python);
        command
            .env("PYTHONPATH", program.with_file_name("packages"))
            .arg(&program);
        command
    });
    Ok(contender.with_version(version))
}

/// Installs the pinned packages and the program, and returns the interpreter and the versions.
fn installed(home: &PathBuf) -> Result<(String, String), String> {
    // `python3` may be a script that starts the interpreter, which is the process to measure.
    let ask = "import sys; print(sys.executable, '%d.%d.%d' % sys.version_info[:3], sep='|')";
    let said = install::said(Command::new("python3").args(["-c", ask]))?;
    let (python, version) = said
        .split_once('|')
        .ok_or("python3 does not print its path")?;
    fs::create_dir_all(home).map_err(|error| format!("its directory: {error}"))?;
    install::write(&home.join("watch.py"), PROGRAM)?;
    let packages = home.join("packages");
    if install::write(&home.join("requirements.txt"), PACKAGES)?
        || !packages.join("consul").exists()
    {
        install::said(
            Command::new(python)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--upgrade",
                    "--target",
                ])
                .arg(&packages)
                .args(["--requirement", "requirements.txt"])
                .current_dir(home),
        )?;
    }
    let read = "from importlib.metadata import version; print(version('py-consul'))";
    let package = install::said(
        Command::new(python)
            .env("PYTHONPATH", &packages)
            .args(["-c", read])
            .current_dir(home),
    )?;
    Ok((python.to_owned(), format!("{package} on Python {version}")))
}
