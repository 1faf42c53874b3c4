//! The HCL parser reads what a Consul agent reads.

use std::{fs, process::Command};

use consul_watch::{ConsulConfig, daemon::DaemonConfig};
use consul_watch_harness::{TestAgent, consul};

use crate::fixture::Folder;

/// Strings as they are written in a file.
const TEXTS: [&str; 16] = [
    r#""plain""#,
    r#""${X:-y}""#,
    r#""${X:-"quoted"}""#,
    r#""${a {b} c}\t""#,
    r#""${no \t escape}""#,
    r#""%{x} $${y} $z $ {""#,
    r#""tab\tquote\"back\\slash\u00e9""#,
    "<<EOF\nline ${X}\n  two\nEOF",
    "<<-EOF\n    one\n      two\n    EOF",
    "<<-EOF\n  one\n      two\n    EOF",
    "<<EOF\n    ends behind space\n    EOF",
    r#""x" /* a comment */ // another"#,
    "<<EOF\r\nset -e\r\n  two\r\nEOF\r",
    "<<-EOF\r\n  one\r\n  EOF\r",
    "<<end_1\nlower\nend_1",
    "<<ENDE_Ü\nletters\nENDE_Ü",
];

/// Files that differ only in their form.
const FORMS: [&str; 16] = [
    "watches { type = \"nodes\" args = [\"x\"] }",
    "watches = [{ type = \"nodes\", args = [\"x\"] }]",
    "watches = [{ type = \"nodes\" args = [\"x\",] },]",
    "\"watches\" { \"type\" = \"nodes\" \"args\" = [\"x\"] }",
    "watches { type = \"nodes\" args = [\"x\"] }\nwatches { type = \"services\" args = [\"x\"] }",
    "watches = { type = \"nodes\" args = [\"x\"] }",
    "watches { type = \"nodes\" handler_type = \"http\" http_handler_config { path = \"http://x\" header { A = [\"b\"] } } }",
    "watches = [{ type = \"nodes\" handler_type = \"http\" http_handler_config { path = \"http://x\" } }]",
    "watches { type = nodes args = [\"x\"] }",
    "watches { type = \"nodes\" args = [\"x\" \"y\"] }",
    "watches { type = \"nodes\" args = [\"x\"]",
    "watches { type = \"nodes\" args = [\"x\"] } }",
    "watches { type = \"no\ndes\" args = [\"x\"] }",
    "watches { type = 'nodes' args = [\"x\"] }",
    "watches { type = \"nodes\" args = [\"x\"] /* }",
    "watches { type \"nodes\" args = [\"x\"] }",
];

fn ours(folder: &Folder, text: &str) -> Result<DaemonConfig, String> {
    let file = folder.configure(text);
    DaemonConfig::load(&[file], &ConsulConfig::default()).map_err(|errors| errors.to_string())
}

#[test]
fn strings_are_equal() {
    let metadata: Vec<_> = TEXTS
        .iter()
        .enumerate()
        .map(|(at, text)| format!("m{at} = {text}\n"))
        .collect();
    let agent = TestAgent::builder()
        .dev()
        .config(format!("node_meta {{\n{}}}", metadata.concat()))
        .start();
    let reply = agent.request("GET", "/v1/agent/self", &[], b"");
    let about: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    let folder = Folder::new();
    for (at, text) in TEXTS.iter().enumerate() {
        let read = ours(
            &folder,
            &format!("watches {{ type = \"nodes\"\n args = [\"x\"]\n label = {text}\n}}"),
        );
        let summary = read.unwrap_or_else(|errors| panic!("{text}: {errors}"));
        let label = summary.labels().next().expect("a watch").to_owned();
        assert_eq!(about["Meta"][format!("m{at}")], label, "{text}");
    }
}

#[test]
fn forms_are_accepted_and_refused_alike() {
    let folder = Folder::new();
    for text in FORMS {
        let file = folder.path("agent.hcl");
        fs::write(&file, format!("data_dir = \"/tmp\"\n{text}")).expect("the file is written");
        let checked = Command::new(consul().expect("Consul"))
            .arg("validate")
            .arg(&file)
            .output()
            .expect("it runs");
        let (message, ours) = (
            String::from_utf8_lossy(&checked.stderr),
            ours(&folder, text),
        );
        assert_eq!(
            checked.status.success(),
            ours.is_ok(),
            "{text}\nConsul: {message}\nours: {:?}",
            ours.err()
        );
    }
}
