//! Pipes, devices and huge files in place of a token or a certificate: reading them may never end. Certificates that are
//! missing.

use std::{fs, path::Path, process::Command};

use consul_watch_harness::TestAgent;
use serde_json::json;

use crate::runner::{finished, ours, ours_at, text, theirs_at};

fn pipe(path: &Path) -> String {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
    path.display().to_string()
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = pipe(&folder.path().join("pipe"));
    let watch = ["-type=key", "-key=a"];
    for (arguments, remedy) in [
        (vec![format!("--token-file={pipe}")], "CONSUL_HTTP_TOKEN"),
        (
            vec!["--token-file=/dev/zero".to_owned()],
            "CONSUL_HTTP_TOKEN",
        ),
        (vec![format!("--ca-file={pipe}")], "name a regular file"),
        (
            vec!["--ca-file=/dev/zero".to_owned()],
            "name a regular file",
        ),
        (
            vec![
                format!("--client-cert={pipe}"),
                format!("--client-key={pipe}"),
            ],
            "name a regular file",
        ),
    ] {
        let mut command = ours();
        command.env("CONSUL_HTTP_ADDR", "https://127.0.0.1:1");
        let all = watch
            .into_iter()
            .chain(arguments.iter().map(String::as_str));
        let output = finished(&mut command, all.collect::<Vec<_>>());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(
            told.contains("is not a regular file") && told.contains(remedy),
            "{arguments:?}: {told}"
        );
    }
}

/// As by Consul's command, even where the address is plain or nothing is verified.
#[test]
fn certificates_that_are_missing_are_named_for_each_address() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    for arguments in [
        &["-ca-file=none"][..],
        &["-ca-path=none"],
        &["-client-cert=none", "-client-key=none"],
    ] {
        let all: Vec<_> = ["-type=key", "-key=a"].iter().chain(arguments).collect();
        for verify in ["true", "false"] {
            let mut command = ours_at(&agent);
            command.env("CONSUL_HTTP_SSL_VERIFY", verify);
            let output = finished(&mut command, &all);
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
            assert!(told.contains("from `none`"), "{arguments:?}: {told}");
            let theirs = finished(&mut theirs_at(&agent), &all);
            assert!(!theirs.status.success(), "{arguments:?}");
        }
    }
}

#[test]
fn a_huge_token_is_refused_with_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    let token = format!("--token-file={}", file.display());
    let output = finished(&mut ours(), ["-type=key", "-key=a", &token]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("larger than 64 KiB"), "{told}");
}

#[test]
fn a_daemon_names_the_field_of_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = pipe(&folder.path().join("pipe"));
    for (field, scheme) in [("token_file", "http"), ("ca_file", "https")] {
        let config = folder.path().join("config.json");
        let content = json!({
            "consul": { field: pipe, "address": format!("{scheme}://127.0.0.1:1") },
            "watches": [{ "type": "key", "key": "a", "args": ["true"] }],
        });
        fs::write(&config, content.to_string()).unwrap();
        let output = finished(ours().arg("run"), [&config]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{field}: {told}");
        assert!(told.contains("is not a regular file"), "{field}: {told}");
    }
}
