//! The subcommand `kv`, compared with `consul kv`: output, exit status and the keys afterwards.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use consul_watch_harness::{
    ParityRow, TestAgent, assert_parity, parity_cell, parity_since, release,
};

use crate::{
    kv_cases::{CASES, Case, Errors},
    kv_fixture::{furnish, keys, session},
    runner::{ended, ours_at, text, their_kv_at},
};

const HEAD: &str = "| `consul-watch kv …` | |\n|---|---|";

/// The result of a call.
#[derive(Debug, PartialEq)]
struct Seen {
    stdout: String,
    exit: Option<i32>,
    keys: String,
    stderr: String,
}

fn call(agent: &TestAgent, mut command: Command, case: &Case, texts: &[(&str, &str)]) -> Seen {
    let arguments = case.arguments.iter().map(|argument| {
        let filled = texts
            .iter()
            .fold((*argument).to_owned(), |text, (name, value)| {
                text.replace(name, value)
            });
        filled.replace(
            "{app/a}",
            &agent
                .entry("app/a")
                .expect("a key")
                .modify_index
                .to_string(),
        )
    });
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // A command that does not read it may be gone.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(case.stdin.as_bytes());
    let output = ended(child);
    Seen {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        exit: output.status.code(),
        keys: keys(agent),
        stderr: text(&output.stderr),
    }
}

/// Removes the indexes, which each call moves on.
fn without_indexes(text: &str) -> String {
    let line = |line: &str| {
        let is_index = ["CreateIndex ", "ModifyIndex "]
            .iter()
            .any(|name| line.starts_with(name));
        let end = line.rfind(' ').filter(|_| is_index).unwrap_or(line.len());
        line[..end].to_owned()
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn row(agent: &TestAgent, folder: &str, case: &Case) -> ParityRow<'static> {
    let mut seen = [their_kv_at(agent), {
        let mut ours = ours_at(agent);
        ours.arg("kv");
        ours
    }]
    .map(|command| {
        let session = session(agent);
        furnish(agent, &session);
        let texts = [("{folder}", folder), ("{session}", &*session)];
        let mut seen = call(agent, command, case, &texts);
        agent.request("PUT", &format!("/v1/session/destroy/{session}"), &[], b"");
        for text in [&mut seen.stdout, &mut seen.keys, &mut seen.stderr] {
            *text = without_indexes(&text.replace(&session, "SESSION"));
        }
        seen
    });
    let shown = format!("{seen:#?}");
    let errors_agree = match case.errors {
        Errors::Begin(text) => seen.iter().all(|seen| seen.stderr.starts_with(text)),
        Errors::Same | Errors::Own => true,
    };
    if case.errors != Errors::Same {
        for seen in &mut seen {
            seen.stderr.clear();
        }
    }
    let arguments: Vec<_> = case.arguments.iter().map(|word| quoted(word)).collect();
    ParityRow {
        tried: parity_cell(&arguments.join(" ")) + parity_since(case.since),
        same: (release() >= Some(case.since)).then_some(errors_agree && seen[0] == seen[1]),
        why: case.why,
        seen: shown,
    }
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '"', '[', '?', '{']) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

/// JSON that arguments cannot hold, or that is hard to read.
fn write_imports(folder: &Path) {
    let deep = ["[".repeat(200), "]".repeat(200)].concat();
    let deep = format!(r#"[{{"key":"deep","value":"MQ==","more":{deep}}}]"#);
    for (name, content) in [
        (
            "latin1",
            &b"[{\"key\":\"gr\xfc\xdfe\",\"value\":\"MQ==\"}]"[..],
        ),
        (
            "marked",
            "\u{feff}[{\"key\":\"x\",\"value\":\"MQ==\"}]".as_bytes(),
        ),
        ("deep", deep.as_bytes()),
    ] {
        fs::write(folder.join(name), content).expect("a file");
    }
}

#[test]
fn it_does_what_consul_kv_does_parity() {
    let agent = TestAgent::dev();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), "of a file\n").unwrap();
    write_imports(folder.path());
    let folder = folder.path().to_str().unwrap();
    let rows: Vec<_> = CASES.iter().map(|case| row(&agent, folder, case)).collect();
    assert_parity("kv", HEAD, &rows);
}
