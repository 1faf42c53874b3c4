//! Files that every user may change: each is named once, with a watch that has it. And what systemd hands to programs.

use std::{fs, os::unix::fs::PermissionsExt};

use consul_watch_harness::{Authority, TestAgent};
use serde_json::json;

use crate::runner::{finished, interrupted, ours, ours_at, text, until};

#[test]
fn each_file_is_named_once_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let shown = |name: &str| path(name).display().to_string();
    let put = |name: &str, content: &[u8]| {
        fs::write(path(name), content).unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o666)).unwrap();
    };
    let authority = fs::read(Authority::new().certificate()).unwrap();
    put("script", b"exit 0\n");
    put("key", b"hunter2");
    put("ca.pem", &authority);
    put("consul.pem", &authority);
    let script = |key: &str| json!({ "type": "key", "key": key, "args": ["sh", shown("script")] });
    let config = json!({
        "consul": { "address": "https://127.0.0.1:1", "ca_file": shown("consul.pem") },
        "watches": [
            script("a"), script("b"), script("c"),
            { "type": "nodes", "label": "call", "handler_type": "http", "http_handler_config": {
                "path": "https://127.0.0.1:2/", "ca_file": shown("ca.pem"), "secret": { "file": shown("key") } } },
        ],
    });
    let file = path("config.json");
    fs::write(&file, serde_json::to_string_pretty(&config).unwrap()).unwrap();
    let summary = text(&finished(ours().arg("check"), [&file]).stdout);
    for part in [
        format!("`key:a`: the program {} can be changed", shown("script")),
        format!(
            "`call`: the key of signatures {} can be changed",
            shown("key")
        ),
        format!(
            "`call`: the certificate authorities {} can be changed",
            shown("ca.pem")
        ),
        format!(
            "the certificate authorities {} can be changed",
            shown("consul.pem")
        ),
    ] {
        assert_eq!(summary.matches(&part).count(), 1, "{part}: {summary}");
    }
    assert_eq!(summary.matches("can be changed").count(), 4, "{summary}");
    let warned = summary
        .lines()
        .find(|line| line.contains("`key:a`: the program"));
    let place = format!("warning: {}:", file.display());
    assert!(warned.unwrap().starts_with(&place), "{summary}");
    assert!(!summary.contains("hunter2"), "{summary}");
}

/// The token may be a credential of systemd.
#[test]
fn a_program_without_the_token_does_not_learn_where_it_is() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (inherits, count) in [(true, 1), (false, 0)] {
        let print = format!("env > {0}.new; mv {0}.new {0}", path("seen").display());
        let config = json!({ "watches": [
            { "type": "key", "key": "a", "handler": print, "inherit_token": inherits }]});
        fs::write(path("config.json"), config.to_string()).unwrap();
        let child = ours_at(&agent)
            .env("CREDENTIALS_DIRECTORY", "/run/credentials/hunter2")
            .arg("run")
            .arg(path("config.json"))
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let seen = until(&path("seen"), "the environment", |text| {
            text.contains("CONSUL_INDEX=")
        });
        interrupted(child);
        fs::remove_file(path("seen")).unwrap();
        assert_eq!(seen.matches("hunter2").count(), count, "{seen}");
    }
}
