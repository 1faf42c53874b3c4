//! The subcommands `run` and `check`.

use std::{
    fs,
    process::{Child, Stdio},
};

use consul_watch_harness::{Signal, TestAgent, signal};

use crate::runner::{ended, finished, ours, ours_at, text, until};

fn config(watches: &str) -> String {
    format!(r#"{{"watches": [{watches}], "data_dir": "/var/lib/consul"}}"#)
}

fn started(agent: &TestAgent, file: &std::path::Path, log: &std::path::Path) -> Child {
    let log = fs::File::create(log).unwrap();
    ours_at(agent)
        .arg("run")
        .arg(file)
        .stderr(log)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_watches_of_a_file_run_and_are_reloaded() {
    let agent = TestAgent::dev();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let watch = |key: &str| {
        let script = format!("cat >> {}", path(key).display());
        format!(r#"{{"type": "key", "key": "{key}", "args": ["sh", "-c", "{script}"]}}"#)
    };
    agent.put("a", b"1");
    fs::write(path("config.json"), config(&watch("a"))).unwrap();
    let child = started(&agent, &path("config.json"), &path("log"));
    until(&path("a"), "the first run", |text| {
        text.lines().count() == 1
    });

    fs::write(
        path("config.json"),
        config(&[watch("a"), watch("b")].join(",")),
    )
    .unwrap();
    signal(&child, Signal::HUP).unwrap();
    until(&path("b"), "a watch that was added", |text| {
        text.lines().count() == 1
    });
    agent.put("a", b"2");
    let ran = until(&path("a"), "a change after the reload", |text| {
        text.lines().count() >= 2
    });
    assert_eq!(
        ran.lines().count(),
        2,
        "it ran again for a state that it had handled: {ran}"
    );

    // The issues of a file are logged, and all watches continue.
    fs::write(path("config.json"), r#"{"watches": [{"type": "kee"}]}"#).unwrap();
    signal(&child, Signal::HUP).unwrap();
    until(&path("log"), "the issue", |text| {
        text.contains("did you mean `key`?")
    });
    agent.put("a", b"3");
    until(&path("a"), "a change after a bad reload", |text| {
        text.lines().count() == 3
    });

    signal(&child, Signal::TERM).unwrap();
    let output = ended(child);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        fs::read_to_string(path("log")).unwrap()
    );
}

#[test]
fn check_prints_the_watches_or_all_issues() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.hcl");
    fs::write(&good, "watches = [\n  {\n    type = \"key\"\n    key = \"a\"\n    args = [\"sh\", \"-c\", \"true\"]\n  }\n]\n")
        .unwrap();
    let output = finished(ours().arg("check").arg(&good), [] as [&str; 0]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).starts_with("1 watch, Consul at "),
        "{}",
        text(&output.stdout)
    );
    assert!(text(&output.stdout).contains("key:a"));

    let bad = folder.path().join("bad.json");
    fs::write(
        &bad,
        "{\n  \"watches\": [\n    {\"type\": \"key\"},\n    {\"type\": \"kee\"}\n  ]\n}\n",
    )
    .unwrap();
    let output = finished(ours().arg("check").arg(&bad), [] as [&str; 0]);
    assert_eq!(output.status.code(), Some(2));
    let issues = text(&output.stderr);
    assert!(
        issues.contains("bad.json:3") && issues.contains("bad.json:4"),
        "both at once, with their lines: {issues}"
    );
    let run = finished(ours().arg("run").arg(&bad), [] as [&str; 0]);
    assert_eq!(
        run.status.code(),
        Some(2),
        "it must start nothing: {}",
        text(&run.stderr)
    );
}
