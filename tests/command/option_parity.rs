//! Options of `consul watch` in every spelling, compared with the original.

use std::{
    fs,
    process::{Command, Stdio},
};

use consul_watch_harness::{
    DEADLINE, ParityRow, TestAgent, assert_parity, eventually, parity_cell, parity_since, release,
};

use crate::runner::{finished, interrupted, ours_at, text, theirs_at, until};

/// One call of both commands.
struct Case {
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
    since: (u32, u32),
    why: Option<&'static str>,
    /// Whether Consul's command does not end.
    is_endless: bool,
}

const fn case(arguments: &'static [&'static str]) -> Case {
    Case {
        arguments,
        environment: &[],
        since: (1, 8),
        why: None,
        is_endless: false,
    }
}

impl Case {
    const fn with(self, environment: &'static [(&'static str, &'static str)]) -> Self {
        Self {
            environment,
            ..self
        }
    }

    const fn since(self, minor: u32) -> Self {
        Self {
            since: (1, minor),
            ..self
        }
    }

    const fn endless(self) -> Self {
        Self {
            is_endless: true,
            ..self
        }
    }

    const fn differs(self, why: &'static str) -> Self {
        Self {
            why: Some(why),
            ..self
        }
    }
}

const WIDER: &str = "refused: a variable that is not set would widen what is watched";
const BAD_ADDRESS: &[(&str, &str)] = &[("CONSUL_HTTP_ADDR", "127.0.0.1:1")];

const CASES: &[Case] = &[
    // Spellings.
    case(&["-type=key", "-key=app/a"]),
    case(&["--type=key", "--key=app/a"]),
    case(&["-type", "key", "--key", "app/a"]),
    case(&["-type=key", "-key=/app/a"]),
    case(&["-type=key", "-key=//app/a"]),
    case(&["-type=key", "-key=app//a"]),
    case(&["-type=key", "-key=app/./a"]),
    case(&["-type=key", "-key=x/../app/a"]),
    case(&["-type=keyprefix", "-prefix=app//"]),
    case(&["-type=keyprefix", "-prefix=//app"]),
    case(&["-type=keyprefix", "-prefix=app/."]),
    case(&["-type=keyprefix", "-prefix=//"]).differs(WIDER),
    case(&["-type=keyprefix", "-prefix=app/../"]).differs(WIDER),
    case(&["-type=key", "-key", "/"])
        .differs("refused at once, since no key is left without the slash; Consul's command retries forever")
        .endless(),
    case(&["-type=keyprefix", "-prefix=/"]),
    case(&["-type=keyprefix", "-prefix=/app/"]),
    case(&["-type=keyprefix", "-prefix", "app"]),
    case(&["-type=key", "-key=app/a", "-stale"]),
    case(&["-type=key", "-key=app/a", "-stale=false"]),
    case(&["-type=key", "-key=app/a", "-stale=maybe"]),
    case(&["-type=key", "-key=app/a", "-shell=false", "false"]),
    case(&["-type=key", "-key=app/a", "-shell=false", "--", "sh", "-c", "echo x; exit 1"]),
    case(&["-type=key", "-key=app/a", "-shell=0", "false"]),
    case(&["-type=key", "-key=app/a", "--", "exit 3"]),
    case(&["-type=service", "-service=web", "-passingonly=true"]),
    case(&["-type=service", "-service=web", "-passingonly", "true"]),
    case(&["-type=service", "-service=web", "-passingonly=1"]),
    case(&["-type=service", "-service=web", "-passingonly=maybe"]),
    case(&["-type=service", "-service=web", "-tag=v1", "-tag=v2"]),
    case(&["-type=service", "-service=web", "-tag", "v1"]),
    // Repeated options.
    case(&["-type=nodes", "-type=key", "-key=app/b", "-key=app/a"]),
    case(&["-type=service", "-service=web", "-passingonly=true", "-passingonly=false"]),
    case(&["-type=key", "-key=app/a", "-key="]),
    case(&["-type=key", "-key=", "-key=app/a"]),
    // Empty texts.
    case(&["-type="]),
    case(&["-type", ""]),
    case(&["-type=key", "-key="]),
    case(&["-type=key", "-key", ""]),
    case(&["-type=keyprefix", "-prefix="]),
    case(&["-type=service", "-service="]),
    case(&["-type=key", "-key=app/a", "-prefix="]),
    case(&["-type=key", "-key=app/a", "-prefix", ""]),
    case(&["-type=keyprefix", "-prefix=app/", "-key="]),
    case(&["-type=nodes", "-service=", "-state=", "-name=", "-passingonly="]),
    case(&["-type=key", "-key=app/a", "-token="]),
    case(&["-type=key", "-key=app/a", "-token", ""]),
    case(&["-type=key", "-key=app/a", "-token-file="]),
    case(&["-type=key", "-key=app/a", "-http-addr="]),
    case(&["-type=key", "-key=app/a", "-http-addr", ""]),
    case(&["-type=key", "-key=app/a", "-ca-file=", "-ca-path="]),
    case(&["-type=key", "-key=app/a", "-client-cert=", "-client-key="]),
    case(&["-type=key", "-key=app/a", "-tls-server-name="]),
    case(&["-type=key", "-key=app/a", "-datacenter="]),
    case(&["-type=key", "-key=app/a", "-stale="]),
    case(&["-type=key", "-key=app/a", "-shell="]),
    case(&["-type=nodes", "-filter="]).since(16).differs(WIDER),
    case(&["-type=key", "-key=app/a", "-filter="]).since(16),
    case(&["-type=checks", "-service=web", "-state="]),
    case(&["-type=checks", "-service=", "-state=passing"]),
    case(&["-type=checks", "-service="]).differs(WIDER),
    case(&["-type=checks", "-state="]).differs(WIDER),
    case(&["-type=event", "-name="]).differs(WIDER),
    case(&["-type=event", "-name", ""]).differs(WIDER),
    case(&["-type=service", "-service=web", "-tag="]).differs(WIDER),
    case(&["-type=service", "-service=web", "-passingonly="]).differs(WIDER),
    // Combinations.
    case(&[]),
    case(&["-type=none"]),
    case(&["-type=key"]),
    case(&["-type=key", "-key=app/a", "-prefix=app/"]),
    case(&["-type=nodes", "-service=web"]),
    case(&["-type=services", "-tag=v1"]),
    case(&["-type=checks", "-service=web", "-state=passing"]),
    case(&["-type=checks", "-service=web", "-passingonly=true"]),
    case(&["-type=event", "-name=deploy", "-stale"]),
    case(&["-type=event", "-name=deploy", "-stale=false"]),
    case(&["-type=key", "-key=app/a", "-no-such"]),
    case(&["-type=key", "-key=app/a", "-client-cert=x"]),
    case(&["-type=connect_roots", "-no-such"]),
    case(&["-type=checks", "-state=passng"])
        .differs("refused at once, and a name is suggested; Consul's command retries forever")
        .endless(),
    // The environment.
    case(&["-type=key", "-key=app/a", "-http-addr=127.0.0.1:1"]),
    case(&["-type=key", "-key=app/a", "-http-addr="]).with(BAD_ADDRESS),
    case(&["-type=key", "-key=app/a", "-datacenter=dc1"]),
    case(&["-type=key", "-key=app/a", "-datacenter=nowhere"]).since(16),
    case(&["-type=key", "-key=app/a", "-token-file=/nonexistent"]),
];

const HEAD: &str = "| `consul-watch …` | |\n|---|---|";

fn furnished() -> TestAgent {
    let agent = TestAgent::dev();
    agent.put("app/a", b"1");
    agent.put("apple", b"2");
    for service in [
        r#"{"Name": "web", "ID": "1", "Tags": ["v1"], "Check": {"TTL": "1h", "Status": "passing"}}"#,
        r#"{"Name": "web", "ID": "2", "Tags": ["v1", "v2"], "Check": {"TTL": "1h", "Status": "critical"}}"#,
    ] {
        let reply = agent.request("PUT", "/v1/agent/service/register", &[], service.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    agent.request("PUT", "/v1/event/fire/deploy", &[], b"first");
    eventually(DEADLINE, "both instances in the catalog", || {
        let reply = agent.request("GET", "/v1/health/service/web", &[], b"");
        ["service:1", "service:2"]
            .iter()
            .all(|id| reply.text().contains(id))
    });
    agent
}

/// The output, and whether it succeeded.
fn seen(mut command: Command, case: &Case) -> (String, bool, String) {
    command.envs(case.environment.iter().copied());
    let output = finished(&mut command, case.arguments);
    (
        text(&output.stdout),
        output.status.success(),
        text(&output.stderr),
    )
}

/// Waits until a command that never ends has failed once, and ends it.
fn retrying(mut command: Command, case: &Case) -> (String, bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stderr");
    let child = command
        .args(case.arguments)
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&file).expect("a file"))
        .spawn()
        .expect("it starts");
    let said = until(&file, "the first failure", |text| text.contains("errored"));
    let output = interrupted(child);
    (text(&output.stdout), true, said)
}

fn row(agent: &TestAgent, case: &Case) -> ParityRow<'static> {
    let same = (release() >= Some(case.since)).then(|| {
        let theirs = if case.is_endless {
            retrying(theirs_at(agent), case)
        } else {
            seen(theirs_at(agent), case)
        };
        let ours = seen(ours_at(agent), case);
        let same = (&theirs.0, theirs.1) == (&ours.0, ours.1);
        (same, format!("theirs {theirs:#?}\nours {ours:#?}"))
    });
    let environment = case
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let arguments = case.arguments.iter().map(|word| {
        if word.is_empty() || word.contains(' ') {
            format!("'{word}'")
        } else {
            (*word).to_owned()
        }
    });
    let words: Vec<_> = environment.chain(arguments).collect();
    let tried = if words.is_empty() {
        "no option".to_owned()
    } else {
        parity_cell(&words.join(" ")) + parity_since(case.since)
    };
    ParityRow {
        tried,
        same: same.as_ref().map(|(same, _)| *same),
        why: case.why,
        seen: same.map(|(_, seen)| seen).unwrap_or_default(),
    }
}

#[test]
fn options_mean_the_same_parity() {
    let agent = furnished();
    let rows: Vec<_> = CASES.iter().map(|case| row(&agent, case)).collect();
    assert_parity("options", HEAD, &rows);
}

#[test]
fn ignored_options_are_logged() {
    let agent = furnished();
    let watch = ["-type=key", "-key=app/a"];
    for (more, option, what) in [
        (&["-prefix="][..], "--prefix", "empty"),
        (&["-token", ""], "--token", "empty"),
        (&["-quiet-period="], "--quiet-period", "empty"),
        (
            &["-datacenter=x", "-datacenter=dc1"],
            "--datacenter",
            "more than once",
        ),
        (&["-payload=changes"], "--payload", "there is no program"),
        (&["-timeout=5s"], "--timeout", "there is no program"),
        (
            &["-format=jsonl", "-once", "true"],
            "--format",
            "`--payload`",
        ),
    ] {
        let arguments: Vec<_> = watch.iter().chain(more).copied().collect();
        let output = finished(&mut ours_at(&agent), &arguments);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{more:?}: {said}");
        assert!(
            said.contains(option) && said.contains(what) && said.contains("WARN"),
            "{more:?}: {said}"
        );
    }
    let quiet = finished(&mut ours_at(&agent), watch);
    assert_eq!(text(&quiet.stderr), "");
}

#[test]
fn an_empty_text_that_would_widen_the_watch_is_refused_with_its_remedy() {
    let agent = furnished();
    for (arguments, option) in [
        (&["-type=event", "-name="][..], "`--name`"),
        (&["-type=nodes", "-filter", ""], "`--filter`"),
        (&["-type=keyprefix", "-prefix="], "`--prefix`"),
        (&["-type=agent_service", "-service_id="], "`--service-id`"),
    ] {
        let output = finished(&mut ours_at(&agent), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains(option) && said.contains("variable that is not set"),
            "{arguments:?}: {said}"
        );
    }
}
