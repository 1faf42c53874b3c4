//! Compares our command with `consul watch`, type by type and aspect by aspect. The table is `docs/parity.md`.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use consul_watch_harness::TestAgent;

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

const HEAD: &str = "\
# Parity with `consul watch`

This table is the output of the test `parity` in `tests/command/`. It runs both commands on one agent and compares:
the output without a program; the exit status; the program's standard input and `CONSUL_INDEX`, for the first value
and for a change; the exit status after the program fails, and after SIGINT. To update it, run
`UPDATE_PARITY=1 cargo test --test command parity`.

Every row holds for Consul 1.8.7, 1.16.4, 1.21.4 and 1.22. CI runs the test with 1.8.7; to run it with another
release, set `CONSUL_BIN` to its program. The JSON is that of the release that answers: see
[`model::handler`](../src/model/handler.rs).

| watch | printed | exit | stdin, first | stdin, change | CONSUL_INDEX | program fails | SIGINT |
|---|---|---|---|---|---|---|---|
";

const DIFFERENCES: &str = "
## Deliberate differences

| where | releases | `consul watch` | ours | why |
|---|---|---|---|---|
| a wake-up without a change | all | runs the program again for the same data | does not run it | a run means a change |
| an error, then the same data | all | runs the program again | does not run it | a run means a change |
| the index falls (Consul restarted empty) | all | keeps waiting for the old index | starts from 0 and compares | otherwise it hangs for up to ten minutes |
| Consul answers the first query with 403 | all | retries forever | exits with 1 and Consul's text | a mistyped token is found at once |
| a filter that Consul cannot read | those with `-filter` | retries forever | exits with 1 and Consul's text | the mistake is found at once |
| a state that Consul does not know (`-state=passng`) | all | asks Consul, which finds no check | exits with 2 and suggests a name | the typing error is found at once |
| `-filter` with `key`, `keyprefix` or `event` | those with `-filter`: 1.14.9, 1.15.5, 1.16.1 and later | exits with 1 | exits with 2 and names the option | 2 is our status for every mistake in the arguments |
| `-filter` with another type | before those | has no such option | filters | one option for every release |
| `-token` beside `CONSUL_HTTP_TOKEN_FILE` | before 1.15 | reads the file | uses `-token` | Consul 1.15 and later do the same |
| `connect_roots`, `connect_leaf`, `agent_service` | all | refuses these types | has them, with the options `-service` and `-service_id` | an agent's `watches` have them, too |
| the program's process group | all | that of `consul watch` | its own; SIGINT and SIGTERM are forwarded to it | a timeout or a stop ends all its children |
| a process that the program leaves in the background | all | `consul watch` shares its own output with it; an agent waits for it, and runs nothing meanwhile | the run ends with the program; the process may continue to write, and its output is dropped in `run` | a daemon in the background does not stop its watch |
| a program that cannot be started, in an agent's `watches` | all | logs the error and waits for the next change | tries again until it starts, and says why | a full table of processes or a late installation loses no change |
| a `SHELL` that runs no lines (`nologin`, `false`) | all | runs it: each run fails | names it as the reason; `run` tries again | the exit status of `nologin` says nothing of the handler |
| killed by SIGKILL or SIGQUIT, or a closed terminal | all | leaves its programs running | ends its programs | the next start runs no second copy |
| as process 1 of a container | all | leaves zombies | reaps them | the table of processes does not fill up |
| TLS options | all | apply to the first request | apply to every request | they were given for all |
| a program's environment | all | inherits all, the token included | the same; `-inherit-token=false` withholds the token, and the key of a signature is never inherited | a handler that runs `consul kv` works |
| names in the variables of a program | all | has none but `CONSUL_INDEX` | control characters and line breaks are escapes | a name is one line wherever it is printed |
| a URL of an agent's `http_handler_config` with an `@` beside the one before the host | all | takes it | refuses it: `%40` | a password with an `@` or a slash would send the rest of it to another host |
| proxy variables (`HTTP_PROXY` …) | all | Consul's client and the agent's calls heed them | have no effect, with a warning | a forward proxy would see every token, and cuts queries that are held |
";

#[test]
fn parity() {
    let mut table = HEAD.to_owned();
    let mut differences = Vec::new();
    for case in &CASES {
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
        let cells: Vec<_> = aspects
            .iter()
            .map(|same| if *same { "same" } else { "differs" })
            .collect();
        writeln!(table, "| {} | {} |", case.name, cells.join(" | "))
            .expect("a string can be written");
        if aspects.contains(&false) {
            differences.push(format!(
                "{}:\n theirs {theirs:#?}\n ours {ours:#?}",
                case.name
            ));
        }
    }
    table.push_str(DIFFERENCES);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/parity.md");
    if std::env::var_os("UPDATE_PARITY").is_some() {
        fs::write(&file, &table).expect("the table can be written");
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        kept, table,
        "docs/parity.md is out of date: run `UPDATE_PARITY=1 cargo test --test command parity`"
    );
}
