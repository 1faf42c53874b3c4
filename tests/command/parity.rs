//! Compares our command with `consul watch`, type by type and aspect by aspect. The table is in `docs/parity.md`.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use consul_watch_harness::{ParityRow, TestAgent, assert_parity};

use crate::runner::{finished, interrupted, ours_at, text, theirs_at, until};

/// One watch that both commands support, and a change of its value.
struct Case {
    name: &'static str,
    arguments: &'static [&'static str],
    change: fn(&TestAgent),
}

const CASES: [Case; 12] = [
    Case {
        name: "key",
        arguments: &["-type=key", "-key=app/a"],
        change: |agent| agent.put("app/a", b"2"),
    },
    Case {
        name: "key, absent",
        arguments: &["-type=key", "-key=app/none"],
        change: |agent| agent.put("app/none", b"<&>"),
    },
    Case {
        name: "key, deleted",
        arguments: &["-type=key", "-key=app/gone"],
        change: |agent| agent.delete("app/gone"),
    },
    Case {
        name: "keyprefix",
        arguments: &["-type=keyprefix", "-prefix=app/"],
        change: |agent| agent.put("app/new", b"n"),
    },
    Case {
        name: "keyprefix, emptied",
        arguments: &["-type=keyprefix", "-prefix=old/"],
        change: |agent| agent.delete_tree("old/"),
    },
    Case {
        name: "services",
        arguments: &["-type=services"],
        change: |agent| register(agent, r#"{"Name": "api", "Tags": ["v2"]}"#),
    },
    Case {
        name: "nodes",
        arguments: &["-type=nodes"],
        change: |agent| {
            let node = r#"{"Node": "other", "Address": "127.0.0.9", "NodeMeta": {"a": "b"}}"#;
            agent.request("PUT", "/v1/catalog/register", &[], node.as_bytes());
        },
    },
    Case {
        name: "service",
        arguments: &["-type=service", "-service=web"],
        change: |agent| {
            register(
                agent,
                r#"{"Name": "web", "ID": "web2", "Port": 81, "Tags": ["v1", "v2"]}"#,
            );
        },
    },
    Case {
        name: "service, tag and passing only",
        arguments: &[
            "-type=service",
            "-service=web",
            "-tag=v1",
            "-passingonly=true",
        ],
        change: |agent| {
            register(
                agent,
                r#"{"Name": "web", "ID": "web3", "Port": 82, "Tags": ["v1"]}"#,
            );
        },
    },
    Case {
        name: "checks of a service",
        arguments: &["-type=checks", "-service=web"],
        change: |agent| {
            agent.request("PUT", "/v1/agent/check/warn/service:web", &[], b"");
        },
    },
    Case {
        name: "checks in a state",
        arguments: &["-type=checks", "-state=critical"],
        change: |agent| {
            agent.request("PUT", "/v1/agent/check/fail/service:web", &[], b"");
        },
    },
    Case {
        name: "event",
        arguments: &["-type=event", "-name=deploy"],
        change: |agent| {
            agent.request("PUT", "/v1/event/fire/deploy", &[], b"second");
        },
    },
];

fn register(agent: &TestAgent, service: &str) {
    let reply = agent.request("PUT", "/v1/agent/service/register", &[], service.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn furnished() -> TestAgent {
    let agent = TestAgent::dev();
    for (key, value) in [
        ("app/a", "1"),
        ("app/b", ""),
        ("app/gone", "x"),
        ("old/a", "1"),
    ] {
        agent.put(key, value);
    }
    register(
        &agent,
        r#"{"Name": "web", "ID": "web", "Port": 80, "Tags": ["v1"], "Check": {"TTL": "1h", "Status": "passing"}}"#,
    );
    agent.request("PUT", "/v1/event/fire/deploy", &[], b"first");
    agent
}

/// The behaviour of one command in one case.
#[derive(Debug, PartialEq)]
struct Seen {
    printed: String,
    exit: Option<i32>,
    ran_on: Vec<(String, String)>,
    exit_of_failure: Option<i32>,
    exit_of_interrupt: Option<i32>,
}

/// Runs a command whose program records its standard input and index on each change.
fn noting(mut command: Command, arguments: &[&str], notes: &Path) -> Child {
    let script = format!(
        "cat >> {0}; echo \"@$CONSUL_INDEX\" >> {0}",
        notes.display()
    );
    command
        .args(arguments)
        .arg(script)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts")
}

fn runs(notes: &str) -> usize {
    notes.lines().filter(|line| line.starts_with('@')).count()
}

fn noted(notes: &str) -> Vec<(String, String)> {
    let mut runs = Vec::new();
    let mut stdin = String::new();
    for line in notes.lines() {
        if let Some(index) = line.strip_prefix('@') {
            runs.push((std::mem::take(&mut stdin), index.to_owned()));
        } else {
            stdin.push_str(line);
            stdin.push('\n');
        }
    }
    runs
}

/// Runs both commands on one agent and one change.
fn run_both(case: &Case) -> (Seen, Seen) {
    let agent = furnished();
    let folder = tempfile::tempdir().expect("a folder");
    let commands: [fn(&TestAgent) -> Command; 2] = [theirs_at, ours_at];
    let printed = commands.map(|command| finished(&mut command(&agent), case.arguments));
    let failed = commands.map(|command| {
        let arguments = case.arguments.iter().copied().chain(["exit 7"]);
        finished(&mut command(&agent), arguments).status.code()
    });

    let notes = [folder.path().join("theirs"), folder.path().join("ours")];
    let children = [0, 1].map(|n| noting(commands[n](&agent), case.arguments, &notes[n]));
    for notes in &notes {
        until(notes, &format!("{}: the first run", case.name), |text| {
            runs(text) >= 1
        });
    }
    (case.change)(&agent);
    let notes = notes.map(|notes| {
        until(
            &notes,
            &format!("{}: a run on the change", case.name),
            |text| runs(text) >= 2,
        )
    });
    let interrupted = children.map(|child| interrupted(child).status.code());

    let seen = |n: usize| Seen {
        printed: text(&printed[n].stdout),
        exit: printed[n].status.code(),
        ran_on: noted(&notes[n]),
        exit_of_failure: failed[n],
        exit_of_interrupt: interrupted[n],
    };
    (seen(0), seen(1))
}

const SAME: &str = "same";

const HEAD: &str = "\
| watch | printed | exit | stdin, first | stdin, change | CONSUL_INDEX | program fails | SIGINT |
|---|---|---|---|---|---|---|---|";

#[test]
fn parity() {
    let rows: Vec<_> = CASES.iter().map(row).collect();
    assert_parity("watches", HEAD, &rows);
}

fn row(case: &Case) -> ParityRow<'static> {
    let (theirs, ours) = run_both(case);
    let first = |seen: &Seen| seen.ran_on.first().cloned().unwrap_or_default();
    let last = |seen: &Seen| seen.ran_on.last().cloned().unwrap_or_default();
    let aspects = [
        theirs.printed == ours.printed,
        theirs.exit == ours.exit,
        first(&theirs).0 == first(&ours).0,
        last(&theirs).0 == last(&ours).0,
        first(&theirs).1 == first(&ours).1 && last(&theirs).1 == last(&ours).1,
        theirs.exit_of_failure == ours.exit_of_failure,
        theirs.exit_of_interrupt == ours.exit_of_interrupt,
    ];
    // The cell of the last aspect is that of the row.
    let cells = [case.name].into_iter().chain([SAME; 6]);
    ParityRow {
        tried: cells.collect::<Vec<_>>().join(" | "),
        same: Some(!aspects.contains(&false)),
        why: None,
        seen: format!("theirs {theirs:#?}\nours {ours:#?}"),
    }
}
