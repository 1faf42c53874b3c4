//! The log of the daemon as an operator and a program read it: one line for each event, whatever keys and programs hold.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use consul_watch_harness::{Signal, TestAgent, signal};
use serde_json::{Value, json};

use crate::runner::{ended, finished, ours, ours_at, text, until};

/// A running daemon, its folder and its log.
pub(crate) struct Logged {
    child: Option<Child>,
    folder: tempfile::TempDir,
}

impl Logged {
    pub(crate) fn start(agent: &TestAgent, config: &Value, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        fs::write(&file, config.to_string()).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = ours_at(agent)
            .arg("run")
            .args(arguments)
            .arg(file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child: Some(child),
            folder,
        }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Stops the daemon, and returns its whole log.
    pub(crate) fn finish(mut self) -> String {
        let child = self.child.take().unwrap();
        signal(&child, Signal::TERM).unwrap();
        ended(child);
        fs::read_to_string(self.log()).unwrap()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until a log has a whole line with each of these parts.
pub(crate) fn until_lines(log: &Path, parts: &[&str]) -> String {
    until(log, "lines in the log", |text| {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        parts
            .iter()
            .all(|part| whole.lines().any(|line| line.contains(part)))
    })
}

/// Whether a line of text is one of the logger: its time comes first.
fn has_time(line: &str) -> bool {
    line.starts_with("20") && line.as_bytes().get(10) == Some(&b'T')
}

/// A key and an output that try to be lines of the log, to command a terminal and to hide.
const FORGED: &str = "x\n2026-01-01T00:00:00Z  INFO forged line\r\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}\u{2028}y\" exit=0";

/// Watches whose paths, labels and outputs are forged. Consul itself refuses most of such names in a URL, and takes them
/// as a tag.
fn forging(agent: &TestAgent) -> Value {
    agent.put("a", b"1");
    let service = |label: &str, args: Value| json!({ "type": "service", "service": "web", "tag": FORGED, "label": label, "args": args, "retry": false });
    json!({ "log": { "level": "debug" }, "watches": [
        service(&format!("l{FORGED}"), json!(["printf", "%s", format!("o{FORGED}")])),
        service("fails", json!(["sh", "-c", "printf '%s' \"e$1\"; exit 3", "sh", FORGED])),
        service("variable", json!(["sh", "-c", "printf '%s' \"$CONSUL_WATCH_PATH\" | od -c | head -40; exit 5"])),
    ]})
}

#[test]
fn neither_a_key_nor_an_output_forges_a_line_of_text() {
    let agent = TestAgent::dev();
    let daemon = Logged::start(&agent, &forging(&agent), &[]);
    until_lines(&daemon.log(), &["exit=0", "exit=3", "exit=5"]);
    let log = daemon.finish();
    for line in log.split('\n').filter(|line| !line.is_empty()) {
        assert!(has_time(line), "a line without a time: {line:?}");
        assert!(
            !line.contains("INFO forged") || !line.starts_with("2026-01-01T00:00:00Z"),
            "{line:?}"
        );
        assert!(
            !line.contains(|c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{2028}')),
            "{line:?}"
        );
    }
    // In the middle of a line, it stays the content of one field.
    assert!(log.contains("y\\\" exit=0\""), "{log}");
    // The variable has the escapes as text.
    let printed = log.lines().find(|line| line.contains("exit=5")).unwrap();
    assert!(
        printed.contains("   n   2") && !printed.contains("033"),
        "{printed}"
    );
}

#[test]
fn neither_a_key_nor_an_output_forges_a_line_of_json() {
    let agent = TestAgent::dev();
    let daemon = Logged::start(&agent, &forging(&agent), &["--log-format=json"]);
    until_lines(&daemon.log(), &["\"exit\":0", "\"exit\":3"]);
    let log = daemon.finish();
    for line in log.split('\n').filter(|line| !line.is_empty()) {
        assert!(
            !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{line:?}"
        );
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(
            event["timestamp"].is_string() && event["level"].is_string(),
            "{event}"
        );
    }
    let outputs: Vec<_> = log.lines().filter_map(output).collect();
    assert!(outputs.contains(&format!("o{FORGED}")), "{outputs:?}");
}

fn output(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).ok()?;
    event["output"].as_str().map(str::to_owned)
}

/// One line for each run and each call, with its label, as numbers and strings.
#[test]
fn each_run_is_one_line_with_its_label_and_numbers() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let config = json!({
        "log": { "level": "debug", "format": "json" },
        "watches": [
            { "type": "key", "key": "a", "label": "good run", "args": ["true"] },
            { "type": "key", "key": "a", "label": "bad run", "args": ["sh", "-c", "exit 3"],
              "retry": { "attempts": 2, "base": "1ms", "ceiling": "1ms" },
              "on_error": ["sh", "-c", "exit 4"] },
            { "type": "key", "key": "a", "label": "slow run", "args": ["sleep", "60"],
              "timeout": "50ms", "retry": false },
            { "type": "key", "key": "a", "label": "no program", "args": ["/no/such/program"], "retry": false },
            { "type": "key", "key": "a", "label": "kept", "handler_type": "exec", "args": ["true"] },
            { "type": "key", "key": "a", "label": "call", "handler_type": "http",
              "http_handler_config": { "path": "http://127.0.0.1:1/x" } },
        ],
    });
    let daemon = Logged::start(&agent, &config, &[]);
    let labels = [
        "good run",
        "bad run",
        "slow run",
        "no program",
        "kept",
        "call",
    ];
    let parts: Vec<_> = labels
        .iter()
        .map(|label| format!("\"label\":\"{label}\""))
        .collect();
    let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    parts.extend(["\"attempt\":2", "\"kind\":\"on_error\""]);
    until_lines(&daemon.log(), &parts);
    let log = daemon.finish();
    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for event in &events {
        for (name, value) in event.as_object().unwrap() {
            assert!(
                value.is_string() || value.is_number() || value.is_boolean(),
                "{event}"
            );
            let text = value.as_str().unwrap_or_default();
            for debug in ["Some(", "None", " { ", "Ok(", "Err(", "Duration"] {
                assert!(!text.contains(debug), "{name}: {event}");
            }
        }
    }
    let of = |label: &str, kind: &str| -> Vec<&Value> {
        let runs = events.iter().filter(|event| event["duration_ms"].is_u64());
        runs.filter(|event| event["label"] == label && event["kind"] == kind)
            .collect()
    };
    for (label, kind, exit, level) in [
        ("good run", "script", 0, "INFO"),
        ("bad run", "script", 3, "WARN"),
        ("slow run", "script", 143, "WARN"),
        ("no program", "script", 127, "WARN"),
        ("kept", "exec", 0, "INFO"),
    ] {
        let runs = of(label, kind);
        let first = runs
            .first()
            .unwrap_or_else(|| panic!("no line of {label}: {log}"));
        assert_eq!(
            (&first["exit"], first["level"].as_str()),
            (&json!(exit), Some(level)),
            "{first}"
        );
        assert_eq!(
            (&first["attempt"], &first["path"]),
            (&json!(1), &json!("key:a")),
            "{first}"
        );
    }
    assert_eq!(
        (
            of("good run", "script").len(),
            of("bad run", "script").len()
        ),
        (1, 2),
        "{log}"
    );
    let call = of("call", "http")[0];
    assert!(
        call["error"].is_string() && call["retry_in_ms"].is_u64(),
        "{call}"
    );
    let slow = of("slow run", "script")[0];
    assert_eq!(
        slow["reason"], "did not end within 50ms and was ended",
        "{slow}"
    );
}

#[test]
fn of_a_program_that_fails_nothing_else_is_reported() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    for program in ["exit 3", "kill -9 $$"] {
        let output = finished(&mut ours_at(&agent), ["-type=key", "-key=a", program]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("handler run failed"), "{said}");
        assert!(!said.contains("actor"), "{said}");
    }
}

/// The lines of one watch can be joined by its path.
#[test]
fn a_path_is_the_same_in_all_lines() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let config = json!({ "watches": [
        { "type": "service", "service": "web", "tag": FORGED, "args": ["true"] },
        { "type": "service", "service": "web", "tag": FORGED, "handler_type": "http", "retry": false,
          "http_handler_config": { "path": "http://127.0.0.1:1/" } },
    ]});
    for (arguments, quoted) in [
        (&[][..], "path=\""),
        (&["--log-format=json"], "\"path\":\""),
    ] {
        let daemon = Logged::start(&agent, &config, arguments);
        let parts = [
            "the watch is live",
            "handler run ended",
            "webhook not delivered",
        ];
        until_lines(&daemon.log(), &parts);
        let log = daemon.finish();
        let paths: Vec<_> = parts
            .iter()
            .map(|part| {
                let line = log.lines().find(|line| line.contains(part)).unwrap();
                let path = line
                    .split_once(quoted)
                    .unwrap_or_else(|| panic!("{line}"))
                    .1;
                // Up to the name of the forged field, whose quote is escaped.
                path.split_once(" exit=0")
                    .unwrap_or_else(|| panic!("{line}"))
                    .0
            })
            .collect();
        assert!(paths.iter().all(|path| *path == paths[0]), "{paths:#?}");
    }
}

#[test]
fn a_level_that_is_none_is_named_and_silences_nothing() {
    let watch = [
        "-type=key",
        "-key=a",
        "-http-addr=192.0.2.1:1",
        "-token=hunter2",
        "--once=1ms",
    ];
    let said = |value: &str| {
        let output = finished(ours().env("RUST_LOG", value), watch);
        text(&output.stderr)
    };
    for (value, named) in [
        ("", false),
        ("verbose", true),
        ("[[[", true),
        ("h2=debug", true),
        ("warn", false),
    ] {
        let said = said(value);
        assert!(said.contains("is sent in clear"), "{value}: {said}");
        let warning = format!("value={value}");
        assert_eq!(
            said.contains("RUST_LOG sets no level") && said.contains(value),
            named,
            "{warning}: {said}"
        );
    }
    assert!(!said("off").contains("WARN"));
}
