//! The unit to start from: what it protects, and that systemd understands it.

use std::{fs, process::Command};

const UNIT: &str = include_str!("../../docs/consul-watch.service");

#[test]
fn the_unit_limits_what_the_daemon_and_its_handlers_may_do() {
    for line in [
        "NoNewPrivileges=true",
        "CapabilityBoundingSet=",
        "UMask=0077",
        "LimitCORE=0",
        "MemoryMax=1G",
        "RestartPreventExitStatus=2",
        "LoadCredential=consul-token:/etc/consul-watch/token",
        "Environment=CONSUL_HTTP_TOKEN_FILE=%d/consul-token",
        "StateDirectoryMode=0700",
    ] {
        assert!(UNIT.lines().any(|found| found == line), "{line}");
    }
    assert!(UNIT.contains("sudo"), "a word on what does not work");
    assert!(
        UNIT.contains("a renewed one counts after `systemctl restart`"),
        "a word on the copy of the token"
    );
}

/// systemd compares `RestartPreventExitStatus` with the status of the main process: another command that fails at the
/// start, and ends with the same status, is started again without end.
#[test]
fn a_wrong_configuration_is_refused_by_the_main_process() {
    let starts: Vec<_> = UNIT
        .lines()
        .filter(|line| line.starts_with("ExecStart") || line.starts_with("ExecCondition"))
        .collect();
    assert_eq!(
        starts,
        ["ExecStart=/usr/bin/consul-watch run /etc/consul-watch.d"]
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.hcl");
    fs::write(&file, "watches { type = \"kee\" }").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_consul-watch"))
        .arg("run")
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// Where this machine has systemd: every line is known to it.
#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("consul-watch.service");
    fs::write(
        &file,
        UNIT.replace("/usr/bin/consul-watch", env!("CARGO_BIN_EXE_consul-watch")),
    )
    .unwrap();
    let checked = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&file)
        .output();
    let output = match checked {
        Ok(output) => output,
        Err(error) => {
            eprintln!(
                "systemd-analyze is not on this machine, so the unit is not checked: {error}"
            );
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let about_it: Vec<_> = said
        .lines()
        .filter(|line| line.contains("consul-watch.service"))
        .collect();
    assert!(about_it.is_empty() && output.status.success(), "{said}");
}
