//! Handlers that run as another user, as below `sudo`, and may not be signalled.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use consul_watch_harness::{DEADLINE, Signal, TestAgent, eventually};
use rustix::process::getuid;

use crate::{
    binary::{Binary, ids, is_running},
    fixture::{Folder, consul, key},
};

/// A program that runs another as root for every user, as sudo does. Dropping it ends its processes.
struct Sudo(PathBuf);

impl Sudo {
    /// Where neither root nor sudo is there, the test fails.
    fn new(folder: &Folder) -> Self {
        let file = folder.path("setpriv");
        fs::copy("/usr/bin/setpriv", &file).unwrap();
        as_root(&["chown", "0:0"], &file);
        as_root(&["chmod", "4755"], &file);
        Self(file)
    }
}

impl Drop for Sudo {
    fn drop(&mut self) {
        let folder = self.0.parent().unwrap().to_owned();
        for id in fs::read_to_string(folder.join("ids"))
            .unwrap_or_default()
            .lines()
        {
            let _ = root(&["kill", "-9", id.trim()]).status();
        }
    }
}

fn root(line: &[&str]) -> Command {
    let (name, arguments) = line.split_first().unwrap();
    if getuid().is_root() {
        let mut command = Command::new(name);
        command.args(arguments);
        return command;
    }
    let mut command = Command::new("sudo");
    command.arg("-n").args(line);
    command
}

fn as_root(line: &[&str], file: &Path) {
    let done = root(line).arg(file).status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "this test needs root, or sudo without a password"
    );
}

#[test]
fn they_are_a_warning_and_delay_nothing() {
    // The second leaves the shell, which may be signalled, and what it has started, which may not.
    for then in [
        "exec SUDO sleep 1000",
        "SUDO sleep 1000 & echo $! >> IDS; wait",
    ] {
        let (agent, folder) = (TestAgent::dev(), Folder::new());
        agent.put("a", "1");
        let sudo = Sudo::new(&folder);
        let file = folder.path("ids");
        let then = then
            .replace("SUDO", &format!("{} --reuid=0", sudo.0.display()))
            .replace("IDS", file.to_str().unwrap());
        let line = format!("echo $$ >> {}; {then}", file.display());
        // Each is far beyond the deadline of this test.
        let more = "timeout = \"1h\"\n grace = \"1h\"";
        let text = format!(
            "shutdown_grace = \"100ms\"\n{}{}",
            consul(&agent.url()),
            key("a", &line, more)
        );
        let config = folder.configure(&text);
        open_to_all(&folder.path(""));
        let mut daemon = Binary::below(&folder, &config, nobody());
        let last = *ids(&folder, "ids", if then.starts_with("exec") { 1 } else { 2 })
            .last()
            .unwrap();
        eventually(DEADLINE, "a process of root", || {
            let status = fs::read_to_string(format!("/proc/{last}/status")).unwrap_or_default();
            status.contains("Uid:\t0\t0\t0\t")
        });
        assert!(daemon.end_by(Signal::TERM).success());
        daemon.until_logged("run as another user", 1);
        assert!(is_running(last), "it was left alone");
    }
}

#[test]
fn a_copy_that_cannot_be_ended_is_awaited_before_the_next() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let sudo = Sudo::new(&folder);
    let line = format!(
        "for id in $(cat {ids}); do [ -e /proc/$id ] && echo overlap >> {ids}; done; echo $$ >> {ids}; \
         exec {} --reuid=0 sleep 1000",
        sudo.0.display(),
        ids = folder.path("ids").display()
    );
    fs::write(folder.path("ids"), "").unwrap();
    let more = "timeout = \"1s\"\n grace = \"1s\"\n retry { base = \"10ms\" ceiling = \"20ms\" }";
    let text = format!("{}{}", consul(&agent.url()), key("a", &line, more));
    let config = folder.configure(&text);
    open_to_all(&folder.path(""));
    let mut daemon = Binary::below(&folder, &config, nobody());
    for copy in 1..=2 {
        daemon.until_logged("did not end within 1s", copy);
        daemon.until_logged("not started again before", copy);
        let last = *ids(&folder, "ids", copy).last().unwrap();
        assert!(
            root(&["kill", "-9", &last.to_string()])
                .status()
                .unwrap()
                .success()
        );
    }
    ids(&folder, "ids", 3);
    let text = fs::read_to_string(folder.path("ids")).unwrap();
    assert!(!text.contains("overlap"), "{text}");
    assert!(daemon.end_by(Signal::TERM).success());
}

/// Runs the daemon as a user without rights.
fn nobody() -> &'static [&'static str] {
    if getuid().is_root() {
        &[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ]
    } else {
        &[]
    }
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_name() != "setpriv" {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o666)).unwrap();
        }
    }
}
