//! Options beyond those of Consul's command, and errors of invalid arguments.

use std::process::Stdio;

use consul_watch_harness::{FaultProxy, Refusal, ResponseFault, Rule, TestAgent};
use serde_json::Value;

use crate::runner::{ended, finished, interrupted, ours, ours_at, text, until};

#[test]
fn jsonl_prints_one_line_per_change() {
    let agent = TestAgent::dev();
    agent.put("app/a", b"1");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    let out = std::fs::File::create(&file).unwrap();
    let child = ours_at(&agent)
        .args(["-type=keyprefix", "-prefix=app/", "--format=jsonl"])
        .stdout(out)
        .spawn()
        .unwrap();
    until(&file, "the first value", |text| text.lines().count() == 1);
    agent.put("app/a", b"2");
    until(&file, "a change", |text| text.lines().count() == 2);
    agent.delete("app/a");
    let lines = until(&file, "a removal", |text| text.lines().count() == 3);
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let summary = |line: &Value| {
        let field = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
        [
            field("kind"),
            field("name"),
            field("old"),
            field("new"),
            field("reason"),
        ]
        .join(" ")
    };
    let changes: Vec<_> = lines.iter().map(summary).collect();
    assert_eq!(
        changes,
        [
            "added app/a - 1 first",
            "updated app/a 1 2 change",
            "removed app/a 2 - change"
        ]
    );
    assert!(interrupted(child).status.success());
}

#[test]
fn once_times_out() {
    let agent = TestAgent::dev();
    let output = finished(
        &mut ours_at(&agent),
        [
            "-type=event",
            "-name=deploy",
            "--changes-only",
            "--once=200ms",
        ],
    );
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("200ms"));
}

#[test]
fn changes_only_skips_the_current_value() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ran");
    let script = format!("cat >> {0}; echo >> {0}", file.display());
    let child = ours_at(&agent)
        .args(["-type=key", "-key=a", "--changes-only", &script])
        .spawn()
        .unwrap();
    // The marker is written until it is seen, because the start of the watch is not visible from outside.
    let found = until(&file, "a change", |text| {
        agent.put("a", b"2");
        agent.put("a", b"3");
        !text.is_empty()
    });
    assert!(
        !found.contains("\"MQ==\""),
        "the first value was handled: {found}"
    );
    assert!(interrupted(child).status.success());
}

#[test]
fn errors_name_the_argument_and_the_remedy() {
    for (arguments, parts) in [
        (&[][..], &["`--type` is missing", "keyprefix"][..]),
        (&["-type=kee", "-key=a"], &["`kee`", "did you mean `key`?"]),
        (&["-type=key"], &["`--key` is missing"]),
        (
            &["-type=key", "-key=a", "-filter=x"],
            &["`--filter` does not apply to `--type=key`: remove it"],
        ),
        (&["-tpye=key"], &["--type"]),
        (
            &["-type=checks", "-service=a", "-state=passing"],
            &["cannot be given together"],
        ),
        (
            &["-type=key", "-key=a", "--quiet-period=soon"],
            &["soon", "30s"],
        ),
        (&["chekc", "a.hcl"], &["did you mean `check`?"]),
        (
            &["-type=key", "-key=a", "-http-addr=ftp://x"],
            &["`ftp://x`", "host:port"],
        ),
        (
            &["-type=key", "-key=a", "-checkpoint=/no/such/folder/x"],
            &["/no/such/folder", "`--checkpoint`", "create it"],
        ),
        (
            &["-type=key", "-key=a", ""],
            &["the program is an empty text", "leave it out"],
        ),
        (
            &["-type=key", "-key=a", "-shell=false", "", "x"],
            &["the program is an empty text"],
        ),
        (
            &["run", "/no/such/file.hcl"],
            &["/no/such/file.hcl", "check the path"],
        ),
        (
            &["-type=key", "-key=a", "-client-cert=x"],
            &["--client-key"],
        ),
    ] {
        let output = finished(&mut ours(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = text(&output.stderr);
        for part in parts {
            assert!(
                stderr.contains(part),
                "{arguments:?} should print {part:?}: {stderr}"
            );
        }
    }
}

#[test]
fn a_name_that_consul_refuses_is_an_error_of_the_name_at_once() {
    let agent = TestAgent::dev();
    let proxy = FaultProxy::start(agent.http_addr());
    let text_of_consul = "invalid key name, leading/trailing spaces are not allowed";
    let refusal = ResponseFault::status(500, text_of_consul);
    proxy.inject(Rule::always(refusal).for_target("/v1/kv/app/x%20"));
    for arguments in [
        &["-type=key", "-key=app/x "][..],
        &["-type=keyprefix", "-prefix=app/x "],
        &["kv", "get", "app/x "],
        &["kv", "put", "app/x ", "1"],
        &["kv", "get", "-recurse", "app/x "],
        &["kv", "delete", "app/x "],
    ] {
        let output = finished(ours().env("CONSUL_HTTP_ADDR", proxy.url()), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.contains(r#"the name "app/x ""#) && said.contains("rename the key"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn a_warning_of_the_store_is_shown() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let proxy = FaultProxy::start(agent.http_addr());
    proxy.inject(Rule::always(ResponseFault::SetHeader {
        name: "X-Consul-KV-Warning".to_owned(),
        value: "keys should not end with a dot".to_owned(),
    }));
    for (arguments, printed) in [
        (&["kv", "get", "a"][..], "1\n"),
        (&["kv", "put", "a", "2"], "Success! Data written to: a\n"),
        (&["kv", "delete", "a"], "Success! Deleted key: a\n"),
    ] {
        let output = finished(ours().env("CONSUL_HTTP_ADDR", proxy.url()), arguments);
        assert_eq!(text(&output.stdout), printed, "{arguments:?}");
        let said = text(&output.stderr);
        assert!(
            said.contains("keys should not end with a dot"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn without_consul_it_fails_or_waits() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let proxy = FaultProxy::start(agent.http_addr());
    proxy.refuse(Refusal::Closed);
    let output = finished(
        ours().env("CONSUL_HTTP_ADDR", proxy.url()),
        ["-type=key", "-key=a"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("cannot connect"),
        "{}",
        text(&output.stderr)
    );

    let child = ours()
        .env("CONSUL_HTTP_ADDR", proxy.url())
        .args(["-type=key", "-key=a", "--retry"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    proxy.pass();
    let output = ended(child);
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("\"MQ==\""));
}

/// The texts of the errors name the options and fields that allow more.
#[test]
fn the_limits_of_answers_are_options() {
    let agent = TestAgent::dev();
    // The pipe of the output holds 64 KiB.
    agent.put("big/a", "x".repeat(30_000));
    let watch = ["-type=keyprefix", "-prefix=big/"];
    let with = |more: &[&str]| {
        let arguments = watch.iter().chain(more).copied();
        finished(&mut ours_at(&agent), arguments)
    };
    assert!(with(&["-body-limit=1MB"]).status.success());
    let refused = with(&["-body-limit", "16KiB"]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("16 KiB") && said.contains("`--body-limit`"),
        "{said}"
    );
    let export = finished(
        &mut ours_at(&agent),
        ["kv", "export", "-body-limit=16KiB", "big"],
    );
    let said = text(&export.stderr);
    assert_eq!(export.status.code(), Some(1), "{said}");
    assert!(
        said.contains("larger than 16 KiB") && said.contains("`--body-limit`"),
        "{said}"
    );

    // The kernel accepts the connections, and nobody answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let output = finished(
        ours().env("CONSUL_HTTP_ADDR", &address),
        ["kv", "get", "-request-timeout=300ms", "big/a"],
    );
    let said = text(&output.stderr);
    assert!(
        said.contains("300ms") && said.contains("`--request-timeout`"),
        "{said}"
    );
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let child = ours()
        .env("CONSUL_HTTP_ADDR", &address)
        .args(watch)
        .arg("-first-answer-timeout=300ms")
        .stderr(std::fs::File::create(&log).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    until(&log, "the first timeout", |text| {
        text.contains("300ms") && text.contains("`first_answer_timeout`")
    });
    assert!(interrupted(child).status.success());
    for option in [
        "-body-limit=much",
        "-body-limit=0",
        "-first-answer-timeout=soon",
    ] {
        assert_eq!(with(&[option]).status.code(), Some(2), "{option}");
    }
}

#[test]
fn a_shell_that_runs_no_lines_can_be_left_out() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let watch = ["-type=key", "-key=a", "--once"];
    for shell in ["/bin/false", "/nonexistent"] {
        let run = |more: &[&str]| {
            let arguments = watch.iter().chain(more);
            finished(ours_at(&agent).env("SHELL", shell), arguments)
        };
        let output = run(&["echo", "ran"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{shell}: {said}");
        assert!(said.contains("`-shell=false`"), "{shell}: {said}");
        let output = run(&["-shell=false", "echo", "ran"]);
        assert_eq!(text(&output.stdout), "ran\n", "{shell}");
    }
}

/// As in files.
#[test]
fn a_time_of_zero_is_no_limit() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    for more in [
        &["--timeout=0"][..],
        &["--timeout=0s"],
        &["--once=0s"],
        &["--quiet-period=0"],
        &["--quiet-period=1ms", "--max-wait=0"],
    ] {
        let watch = ["-type=key", "-key=a", "--once"].iter().chain(more);
        let output = finished(ours_at(&agent).args(watch), ["sleep 0.2; echo ran"]);
        let said = text(&output.stderr);
        assert_eq!(text(&output.stdout), "ran\n", "{more:?}: {said}");
        assert_eq!(output.status.code(), Some(0), "{more:?}: {said}");
    }
    for (option, arguments, code) in [
        ("--request-timeout", &["-type=key", "-key=a"][..], 2),
        ("--first-answer-timeout", &["-type=key", "-key=a"], 2),
        ("--request-timeout", &["kv", "get"], 1),
    ] {
        let zero = format!("{option}=0");
        let arguments = arguments.iter().copied().chain([&*zero]);
        let output = finished(&mut ours_at(&agent), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(
            said.contains(option) && said.contains("needs some time"),
            "{said}"
        );
    }
}

#[test]
fn the_manual_and_completions_are_printed() {
    let manual = finished(&mut ours(), ["man"]);
    assert!(manual.status.success() && text(&manual.stdout).contains("quiet"));
    for shell in ["bash", "zsh", "fish"] {
        let output = finished(&mut ours(), ["completions", shell]);
        assert!(
            output.status.success() && text(&output.stdout).contains("passingonly"),
            "{shell}"
        );
    }
    let help = finished(&mut ours(), ["--help"]);
    assert!(text(&help.stdout).contains("Examples:"));
}

#[test]
fn a_program_gets_the_lines_that_jsonl_prints() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let watch = ["-type=key", "-key=a", "--once"];
    let given = |more: &[&str]| {
        let output = finished(ours_at(&agent).args(watch), more);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let printed = given(&["--format=jsonl"]);
    assert!(printed.contains(r#""kind":"added""#), "{printed}");
    assert_eq!(given(&["--payload=changes", "cat"]), printed);
    assert!(given(&["-payload", "state", "cat"]).starts_with(r#"{"Key":"a""#));
    let output = finished(
        &mut ours_at(&agent),
        ["-type=key", "-key=a", "--payload=lines", "cat"],
    );
    assert_eq!(output.status.code(), Some(2));
}
