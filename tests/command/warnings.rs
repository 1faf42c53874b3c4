//! Warnings of what is unsafe, and what programs inherit, as an operator sees it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use consul_watch_harness::{Signal, TestAgent, signal};
use serde_json::{Value, json};

use crate::runner::{ended, finished, interrupted, ours, ours_at, text, until};

fn write(path: &Path, content: &str, mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs the daemon until its log has these parts, and returns the log.
fn logged(mut command: Command, config: &Path, parts: &[&str]) -> String {
    let log = tempfile::NamedTempFile::new().unwrap();
    let child = command
        .arg("run")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(log.reopen().unwrap())
        .spawn()
        .unwrap();
    let found = until(log.path(), "the warnings", |text| {
        parts.iter().all(|part| text.contains(part)) && text.contains("watches started")
    });
    signal(&child, Signal::TERM).unwrap();
    ended(child);
    found
}

#[test]
fn what_every_user_may_change_is_named_by_check_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let shown = |name: &str| path(name).display().to_string();
    write(&path("program"), "#!/bin/sh\n", 0o757);
    write(&path("script"), "exit 0\n", 0o646);
    write(&path("hook"), "#!/bin/sh\n", 0o757);
    write(&path("token"), "hunter2", 0o606);
    let config = json!({
        "consul": { "token_file": shown("token"), "address": "127.0.0.1:1" },
        "watches": [
            { "type": "key", "key": "a", "args": [shown("program")], "on_error": [shown("hook")] },
            { "type": "key", "key": "b", "args": ["sh", shown("script")] },
        ],
    });
    write(&path("config.json"), &config.to_string(), 0o666);
    let parts = [
        ("the configuration", "config.json"),
        ("the program", "program"),
        ("the program", "script"),
        ("the program", "hook"),
        ("the token file", "token"),
    ]
    .map(|(what, name)| format!("{what} {} can be changed by every user", shown(name)));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let checked = finished(
        ours().arg("check").arg(path("config.json")),
        [] as [&str; 0],
    );
    let summary = text(&checked.stdout);
    let log = logged(ours(), &path("config.json"), &parts);
    for part in parts {
        assert!(summary.contains(part), "{part}: {summary}");
        assert_eq!(log.matches(part).count(), 1, "{part}: {log}");
    }
    assert!(!log.contains("hunter2"));

    for (name, mode) in [
        ("program", 0o755),
        ("script", 0o644),
        ("hook", 0o755),
        ("token", 0o600),
        ("config.json", 0o644),
    ] {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let checked = finished(
        ours().arg("check").arg(path("config.json")),
        [] as [&str; 0],
    );
    assert!(
        !text(&checked.stdout).contains("every user"),
        "{}",
        text(&checked.stdout)
    );
}

/// Names that only resolve to this machine are other machines to a client that does not look them up.
const OTHER: &str = "192.0.2.1:8500";

#[test]
fn a_token_in_clear_for_another_machine_is_warned_of_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let watches = json!([{ "type": "key", "key": "a", "args": ["true"] }]);
    let with = |consul: Value| json!({ "watches": watches, "consul": consul }).to_string();
    let clear = "is sent in clear";
    for (consul, expected) in [
        (json!({ "address": OTHER, "token": "hunter2" }), true),
        (json!({ "address": OTHER }), false),
        (
            json!({ "address": "localhost:1", "token": "hunter2" }),
            false,
        ),
        (
            json!({ "address": format!("https://{OTHER}"), "token": "hunter2" }),
            false,
        ),
    ] {
        fs::write(&config, with(consul.clone())).unwrap();
        let checked = finished(ours().arg("check").arg(&config), [] as [&str; 0]);
        let summary = text(&checked.stdout);
        assert_eq!(summary.contains(clear), expected, "{consul}: {summary}");
    }
    fs::write(
        &config,
        with(json!({ "address": OTHER, "token": "hunter2" })),
    )
    .unwrap();
    let log = logged(ours(), &config, &[clear]);
    assert_eq!(log.matches(clear).count(), 1, "{log}");

    // The token of one watch, and that of the environment for a single watch.
    let own = json!({ "consul": { "address": OTHER }, "watches": [
        { "type": "key", "key": "a", "args": ["true"], "token": "hunter2" }]});
    fs::write(&config, own.to_string()).unwrap();
    let log = logged(ours(), &config, &[clear]);
    assert!(
        !log.contains("hunter2") && log.matches(clear).count() == 1,
        "{log}"
    );
    let checked = finished(ours().arg("check").arg(&config), [] as [&str; 0]);
    let summary = text(&checked.stdout);
    assert_eq!(summary.matches(clear).count(), 1, "{summary}");
    let mut command = ours();
    command.env("CONSUL_HTTP_TOKEN", "hunter2");
    let arguments = [
        "-type=key",
        "-key=a",
        "-http-addr",
        OTHER,
        "--once=1s",
        "true",
    ];
    let said = text(&finished(&mut command, arguments).stderr);
    assert!(said.contains(clear) && !said.contains("hunter2"), "{said}");
}

/// Every way to switch verification off is warned of once the log is there.
#[test]
fn a_certificate_that_is_not_verified_is_warned_of_whatever_turned_it_off() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let warning = |server: &str| format!("the certificate of https://{server} is not verified");
    let script = json!({ "type": "key", "key": "a", "args": ["true"] });
    let calls = |skip: bool| {
        json!({ "type": "key", "key": "a", "handler_type": "http", "http_handler_config": {
            "path": "https://127.0.0.1:2/hook", "tls_skip_verify": skip } })
    };
    let (consul, hook) = (warning("127.0.0.1:1"), warning("127.0.0.1:2"));
    let verify = |verify: bool| json!({ "address": "https://127.0.0.1:1", "tls_verify": verify });
    for (sections, variable, expected) in [
        (
            json!({ "consul": verify(false), "watches": [script] }),
            false,
            vec![&consul],
        ),
        (
            json!({ "consul": { "address": "https://127.0.0.1:1" }, "watches": [script] }),
            true,
            vec![&consul],
        ),
        (
            json!({ "consul": verify(true), "watches": [calls(true)] }),
            false,
            vec![&hook],
        ),
        (
            json!({ "consul": verify(false), "watches": [calls(true)] }),
            false,
            vec![&consul, &hook],
        ),
        (
            json!({ "consul": verify(true), "watches": [script, calls(false)] }),
            false,
            vec![],
        ),
    ] {
        fs::write(&config, sections.to_string()).unwrap();
        let command = || {
            let mut command = ours();
            if variable {
                command.env("CONSUL_HTTP_SSL_VERIFY", "false");
            }
            command
        };
        let parts: Vec<&str> = expected.iter().map(|part| part.as_str()).collect();
        let log = logged(command(), &config, &parts);
        assert_eq!(
            log.matches("is not verified").count(),
            expected.len(),
            "{sections}: {log}"
        );
        let checked = finished(command().arg("check").arg(&config), [] as [&str; 0]);
        let summary = text(&checked.stdout);
        assert_eq!(
            summary.matches("is not verified").count(),
            expected.len(),
            "{summary}"
        );
    }
    let mut command = ours();
    command.env("CONSUL_HTTP_SSL_VERIFY", "0");
    let arguments = [
        "-type=key",
        "-key=a",
        "-http-addr=https://127.0.0.1:1",
        "true",
    ];
    let said = text(&finished(&mut command, arguments).stderr);
    assert!(said.contains(&consul), "{said}");
}

#[test]
fn a_proxy_variable_is_said_to_have_no_effect_on_calls() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let watches = json!({ "consul": { "address": "127.0.0.1:1" }, "watches": [
        { "type": "key", "key": "a", "handler_type": "http", "http_handler_config": { "path": "http://192.0.2.1/a" } },
        { "type": "key", "key": "b", "handler_type": "http", "http_handler_config": { "path": "http://127.0.0.1:2/b" } },
    ]});
    fs::write(&config, watches.to_string()).unwrap();
    let mut command = ours();
    command
        .env("http_proxy", "http://127.0.0.1:3")
        .env("https_proxy", "http://127.0.0.1:4");
    let warning = "the proxy variable http_proxy is ignored, http://192.0.2.1 is called directly";
    let log = logged(command, &config, &[warning]);
    assert_eq!(log.matches("proxy variable").count(), 1, "{log}");
}

#[test]
fn no_program_inherits_the_key_of_a_signature() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let folder = tempfile::tempdir().unwrap();
    let (config, seen) = (
        folder.path().join("config.json"),
        folder.path().join("seen"),
    );
    let print = format!("env > {0}.new; mv {0}.new {0}", seen.display());
    let program = |more: Value| {
        let mut watch = json!({ "type": "key", "key": "a", "args": ["sh", "-c", print] });
        for (name, value) in more.as_object().unwrap() {
            watch[name] = value.clone();
        }
        watch
    };
    let call = json!({ "type": "key", "key": "b", "handler_type": "http", "http_handler_config": {
        "path": "http://127.0.0.1:2/", "secret": { "env": "SIGNING_KEY" } } });
    let failing = json!({ "args": ["false"], "on_error": ["sh", "-c", print], "retry": false });
    for more in [
        json!({}),
        json!({ "environment_allow": ["*"] }),
        json!({ "handler_type": "exec" }),
        failing,
    ] {
        let watches = json!({ "watches": [program(more.clone()), call] });
        fs::write(&config, watches.to_string()).unwrap();
        let mut command = ours_at(&agent);
        command
            .env("SIGNING_KEY", "hunter2")
            .env("OTHER", "is-inherited");
        let child = command
            .arg("run")
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let environment = until(&seen, "the environment", |text| text.contains("OTHER="));
        interrupted(child);
        fs::remove_file(&seen).unwrap();
        assert!(!environment.contains("hunter2"), "{more}: {environment}");
    }
}

/// As `consul watch` does, unless it is said otherwise.
#[test]
fn a_program_inherits_the_token_unless_it_must_not() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "hunter2").unwrap();
    let printed = |more: &[&str]| {
        let mut command = ours_at(&agent);
        command
            .env("CONSUL_HTTP_TOKEN_FILE", &file)
            .env("CONSUL_HTTP_TOKEN", "hunter2")
            .args(["-type=key", "-key=a", "--once"])
            .args(more);
        text(&finished(&mut command, ["env"]).stdout)
    };
    for (more, count) in [
        (&[][..], 2),
        (&["--inherit-token"], 2),
        (&["-inherit-token=true"], 2),
        (&["--inherit-token=false"], 0),
    ] {
        let environment = printed(more);
        assert_eq!(
            environment.matches("CONSUL_HTTP_TOKEN").count(),
            count,
            "{environment}"
        );
        assert!(environment.contains("CONSUL_HTTP_ADDR="), "{environment}");
    }

    let (config, seen) = (
        folder.path().join("config.json"),
        folder.path().join("seen"),
    );
    let print = format!("env > {0}.new; mv {0}.new {0}", seen.display());
    for (defaults, watch, count) in [
        (None, None, 1),
        (Some(false), None, 0),
        (Some(false), Some(true), 1),
    ] {
        let mut content =
            json!({ "watches": [{ "type": "key", "key": "a", "args": ["sh", "-c", print] }] });
        if let Some(inherits) = defaults {
            content["defaults"]["inherit_token"] = inherits.into();
        }
        if let Some(inherits) = watch {
            content["watches"][0]["inherit_token"] = inherits.into();
        }
        fs::write(&config, content.to_string()).unwrap();
        let mut command = ours_at(&agent);
        command.env("CONSUL_HTTP_TOKEN", "hunter2");
        let child = command
            .arg("run")
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let environment = until(&seen, "the environment", |text| {
            text.contains("CONSUL_INDEX=")
        });
        interrupted(child);
        fs::remove_file(&seen).unwrap();
        assert_eq!(
            environment.matches("hunter2").count(),
            count,
            "{content}: {environment}"
        );
    }
}
