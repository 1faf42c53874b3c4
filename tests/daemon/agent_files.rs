//! Files as people have them for their agents: accepted and refused as an agent does.

use std::{fs, process::Command};

use consul_watch::{ConsulConfig, daemon::DaemonConfig};
use consul_watch_harness::consul;

use crate::fixture::Folder;

/// The fields that an agent needs beside the watches.
const AGENT: &str = r#"{ "data_dir": "/nonexistent", "bind_addr": "127.0.0.1" }"#;

const NODES: &str = r#"{ "watches": [{ "type": "nodes", "args": ["cat"] }] }"#;

fn ours(folder: &Folder, name: &str, text: &str) -> Result<DaemonConfig, String> {
    let file = folder.path(name);
    fs::write(&file, text).expect("a file");
    DaemonConfig::load(&[file], &ConsulConfig::default()).map_err(|errors| errors.to_string())
}

/// Whether an agent takes the file, and its reason.
fn agent(folder: &Folder, name: &str, text: &str) -> (bool, String) {
    let (agent, file) = (folder.path("agent.json"), folder.path(name));
    fs::write(&agent, AGENT).expect("a file");
    fs::write(&file, text).expect("a file");
    let output = Command::new(consul().expect("a Consul"))
        .arg("validate")
        .args([agent, file])
        .output()
        .expect("consul validate");
    let reason = [output.stdout, output.stderr].concat();
    let reason = String::from_utf8_lossy(&reason).into_owned();
    (output.status.success(), reason)
}

#[test]
fn files_are_accepted_and_refused_as_by_an_agent() {
    let http = |config: &str| {
        format!(
            r#"{{ "watches": [{{ "type": "key", "key": "a", "handler_type": "http", "http_handler_config": {config} }}] }}"#
        )
    };
    let blank_then_json = format!(" \n\t{NODES}");
    let cases = [
        ("json-in.hcl", NODES),
        ("json-behind-space.hcl", &blank_then_json),
        ("empty.json", ""),
        ("empty.hcl", ""),
        ("blank.json", " \n"),
        ("comment.hcl", "# nothing\n"),
        ("null.json", "null"),
        ("braces.json", "{}"),
        ("list.json", "[]"),
        ("text.json", "\"watches\""),
        ("no-watches.json", r#"{ "watches": [] }"#),
        ("null-watches.json", r#"{ "watches": null }"#),
        ("trailing-comma.json", r#"{ "watches": [], }"#),
        ("comment.json", r#"{ /* x */ "watches": [] }"#),
        ("case.json", &NODES.replace("watches", "Watches")),
        ("case.hcl", r#"WATCHES { type = "nodes" args = ["cat"] }"#),
        (
            "block-list.json",
            &http(r#"[{ "path": "http://127.0.0.1:9/" }]"#),
        ),
        (
            "block-case.json",
            &http(r#"{ "Path": "http://127.0.0.1:9/", "TIMEOUT": "2s" }"#),
        ),
        (
            "crlf.hcl",
            "watches {\r\n type = \"nodes\"\r\n handler = <<EOF\r\ncat\r\nEOF\r\n}\r\n",
        ),
        (
            "semicolon.hcl",
            r#"watches { type = "nodes"; args = ["cat"] }"#,
        ),
        ("heredoc-quoted.hcl", "node_name = <<\"EOF\"\nx\nEOF\n"),
        ("heredoc-space.hcl", "node_name = << EOF\nx\nEOF\n"),
    ];
    let folder = Folder::new();
    for (name, text) in cases {
        let (accepted, reason) = agent(&folder, name, text);
        let ours = ours(&folder, name, text);
        assert_eq!(
            ours.is_ok(),
            accepted,
            "{name}: an agent says {reason}, and this program {ours:?}"
        );
    }
}

#[test]
fn the_forms_of_a_block_mean_the_same() {
    let folder = Folder::new();
    let watch = |config: &str| {
        let text = format!(
            r#"{{ "watches": [{{ "type": "key", "key": "a", "handler_type": "http", "http_handler_config": {config} }}] }}"#
        );
        let config = ours(&folder, "a.json", &text).expect("it is accepted");
        let summary =
            consul_watch::daemon::check(&[folder.path("a.json")], &ConsulConfig::default());
        let summary = summary.expect("it is accepted").to_string();
        (config.labels().count(), summary)
    };
    let usual = watch(r#"{ "path": "http://127.0.0.1:9/x", "method": "PUT" }"#);
    assert!(usual.1.contains("PUT http://127.0.0.1:9"), "{}", usual.1);
    for other in [
        r#"[{ "path": "http://127.0.0.1:9/x", "method": "PUT" }]"#,
        r#"{ "Path": "http://127.0.0.1:9/x", "METHOD": "PUT" }"#,
    ] {
        assert_eq!(watch(other), usual, "{other}");
    }
}

/// Agents refuse the mark; editors on Windows write it.
#[test]
fn a_byte_order_mark_is_passed_over() {
    let folder = Folder::new();
    let hcl = "watches { type = \"nodes\" args = [\"cat\"] }";
    for (name, text) in [("a.json", NODES), ("a.hcl", hcl), ("b.hcl", NODES)] {
        let config = ours(&folder, name, &format!("\u{feff}{text}")).expect("it is accepted");
        assert_eq!(config.labels().collect::<Vec<_>>(), ["nodes"], "{name}");
    }
}
