//! Pipes, devices and huge files in place of a token or a certificate: reading them may never end.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::runner::{finished, ours, text};

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
        for verb in ["run", "check"] {
            let mut command = ours();
            command.stdin(Stdio::null()).arg(verb);
            let output = finished(&mut command, [&config]);
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{verb} {field}: {told}");
            assert!(
                told.contains("is not a regular file"),
                "{verb} {field}: {told}"
            );
        }
    }
}
