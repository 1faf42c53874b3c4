//! Configuration files that cannot be used: `check` and `run` refuse the same, at once, and say where.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use consul_watch_harness::{Signal, signal};

use crate::runner::{ended, finished, ours, text, until};

fn made_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

/// Returns what both commands say of a file, which both refuse.
fn refused(command: impl Fn() -> Command, file: &Path) -> String {
    let [checked, ran] = ["check", "run"].map(|name| {
        let output = finished(command().arg(name), [file]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        said
    });
    assert_eq!(checked, ran);
    checked
}

const WATCH: &str = "\nwatches { type = \"key\" key = \"a\" args = [\"true\"] }\n";

#[test]
fn check_refuses_what_run_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let file = path("config.hcl");
    fs::write(path("text"), "no certificate").unwrap();
    let shown = path("text").display().to_string();
    let secure = "address = \"https://127.0.0.1:1\"";
    let exec = |state: &str| {
        format!(
            "watches {{ type = \"nodes\" args = [\"true\"] handler_type = \"exec\"\n state_file = \"{state}\" }}"
        )
    };
    let service =
        |fields: &str| format!("watches {{ args = [\"true\"] type = \"service\"\n {fields} }}");
    for (content, line, parts) in [
        (
            format!("consul {{\n token_file = \"/nope\" }}{WATCH}"),
            2,
            [
                "consul: cannot read the token from `/nope`",
                "check the path",
            ],
        ),
        (
            format!("consul {{\n {secure}\n ca_file = \"/nope\" }}{WATCH}"),
            3,
            [
                "consul: cannot read the certificate authorities from `/nope`",
                "check the path",
            ],
        ),
        (
            format!(
                "consul {{\n {secure}\n client_key = \"{shown}\"\n client_cert = \"{shown}\" }}{WATCH}"
            ),
            4,
            ["holds no certificate in PEM form", "name another file"],
        ),
        (
            exec("/nope/state"),
            2,
            [
                "`state_file` cannot be used: the directory /nope does not exist",
                "create it",
            ],
        ),
        (
            exec(folder.path().to_str().unwrap()),
            2,
            ["`state_file` cannot be used: ", "is a directory"],
        ),
        (
            service("service = \"a\\nb\""),
            2,
            [
                "`service` cannot be used: no URL can contain this name",
                "registered",
            ],
        ),
    ] {
        fs::write(&file, &content).unwrap();
        let said = refused(ours, &file);
        let place = format!("{}:{line}: ", file.display());
        for part in [&*place, parts[0], parts[1]] {
            assert!(said.contains(part), "{content}: {part}: {said}");
        }
    }

    // What the environment names has no line.
    fs::write(&file, WATCH).unwrap();
    let command = || {
        let mut command = ours();
        command.env("CONSUL_HTTP_TOKEN_FILE", "/nope");
        command
    };
    let said = refused(command, &file);
    assert!(
        said.contains("cannot read the token from `/nope`"),
        "{said}"
    );
}

#[test]
fn what_may_never_end_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    made_pipe(&path("pipe.json"));
    std::os::unix::fs::symlink("/dev/zero", path("endless.json")).unwrap();
    fs::File::create(path("huge.json"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    for (file, parts) in [
        (path("pipe.json"), ["is not a regular file", "name that"]),
        (path("endless.json"), ["is not a regular file", "name that"]),
        (
            PathBuf::from("/dev/zero"),
            ["is not a regular file", "name that"],
        ),
        (
            PathBuf::from("/dev/stdin"),
            ["is not a regular file", "name that"],
        ),
        (path("huge.json"), ["larger than 64 MiB", "split it"]),
    ] {
        let said = refused(ours, &file);
        for part in parts {
            assert!(said.contains(part), "{}: {part}: {said}", file.display());
        }
    }
}

#[test]
fn a_file_that_becomes_a_pipe_does_not_stop_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let file = path("config.hcl");
    fs::write(
        &file,
        format!("consul {{ address = \"127.0.0.1:1\" }}{WATCH}"),
    )
    .unwrap();
    let child = ours()
        .arg("run")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(fs::File::create(path("log")).unwrap())
        .spawn()
        .unwrap();
    until(&path("log"), "the start", |text| {
        text.contains("watches started")
    });
    fs::remove_file(&file).unwrap();
    made_pipe(&file);
    signal(&child, Signal::HUP).unwrap();
    until(&path("log"), "the refusal", |text| {
        text.contains("is not a regular file") && text.contains("reload refused")
    });
    signal(&child, Signal::TERM).unwrap();
    assert_eq!(ended(child).status.code(), Some(0));
}

#[test]
fn the_name_of_a_file_commands_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("d\u{1b}[31m\nforged");
    fs::create_dir(&home).unwrap();
    let file = home.join("a.hcl");
    let checked = |content: &str| {
        fs::write(&file, content).unwrap();
        let output = finished(ours().arg("check"), [&file]);
        text(&output.stdout) + &text(&output.stderr)
    };
    fs::write(&file, "").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(&file, open).unwrap();
    for said in [
        checked("watches { type = \"nodes\" args = [\"true\"] }"),
        checked("consul { token_file = \"/d\\u001b[31m\\nforged\" }"),
    ] {
        assert!(said.contains("d\\u{1b}[31m\\nforged"), "{said}");
        let commands = |c: char| c.is_control() && c != '\n';
        assert!(!said.contains(commands), "{said:?}");
        assert!(
            !said.lines().any(|line| line.starts_with("forged")),
            "{said}"
        );
    }
}
