//! Files as people have them for their agents: accepted and refused as an agent does.

use std::fs;

use consul_watch::{
    ConsulConfig,
    daemon::{DaemonConfig, RunOptions, check},
};
use consul_watch_harness::{ParityRow, TestAgent, assert_parity, parity_cell};

use crate::{
    agent_file_cases::{self, Case, NODES, http},
    fixture::Folder,
};

fn ours(folder: &Folder, name: &str, text: &str) -> Result<DaemonConfig, String> {
    let file = folder.path(name);
    fs::write(&file, text).expect("a file");
    DaemonConfig::load(&[file], &ConsulConfig::default()).map_err(|errors| errors.to_string())
}

/// Gives the file to a running agent, and returns whether it takes it, with its reason.
fn theirs(agent: &TestAgent, folder: &Folder, case: &Case) -> (bool, String) {
    let file = folder.path(case.file);
    fs::write(&file, &case.text).expect("a file");
    let reply = agent.request("PUT", "/v1/agent/reload", &[], b"");
    fs::remove_file(file).expect("the file is removed");
    (reply.status == 200, reply.text())
}

#[test]
fn files_are_accepted_and_refused_as_by_an_agent_parity() {
    let (their_folder, our_folder) = (Folder::new(), Folder::new());
    let agent = TestAgent::builder()
        .dev()
        .config_dir(their_folder.path(""))
        .start();
    let rows: Vec<_> = agent_file_cases::all()
        .map(|case| {
            let (accepted, reason) = theirs(&agent, &their_folder, &case);
            let ours = ours(&our_folder, case.file, &case.text);
            ParityRow {
                tried: format!("{}: {}", case.name, parity_cell(&case.text)),
                same: Some(ours.is_ok() == accepted),
                why: case.why,
                seen: format!("an agent: {accepted} {reason}\nthis program: {ours:?}"),
            }
        })
        .collect();
    assert_parity("files", "| file | |\n|---|---|", &rows);
}

/// An agent passes over what does not end with `.json` or `.hcl`, whether hidden or not.
#[test]
fn files_of_a_directory_are_those_that_an_agent_reads() {
    let folder = Folder::new();
    let agent = TestAgent::builder()
        .dev()
        .config_dir(folder.path(""))
        .start();
    fs::write(folder.path("a.json"), NODES).expect("a file");
    for name in [
        ".a.json.swp",
        "a.json~",
        "#a.json#",
        "a.json.bak",
        "a.txt",
        ".b.json",
        "c.JSON",
        "d.hcl.orig",
        "e.hcl",
    ] {
        // Nobody can read it as configuration.
        let file = folder.path(name);
        fs::write(&file, "{ not a configuration").expect("a file");
        let accepted = agent.request("PUT", "/v1/agent/reload", &[], b"").status == 200;
        let ours = DaemonConfig::load(&[folder.path("")], &ConsulConfig::default());
        assert_eq!(ours.is_ok(), accepted, "{name}: {:?}", ours.err());
        fs::remove_file(file).expect("the file is removed");
    }
}

/// Neither reads a directory with a link that leads nowhere, and both take one without a file.
#[test]
fn broken_links_and_empty_directories_are_those_of_an_agent() {
    let folder = Folder::new();
    let agent = TestAgent::builder()
        .dev()
        .config_dir(folder.path(""))
        .start();
    let both = || {
        let accepted = agent.request("PUT", "/v1/agent/reload", &[], b"").status == 200;
        let ours = check(&[folder.path("")], &RunOptions::default());
        assert_eq!(ours.is_ok(), accepted, "{:?}", ours.err());
        ours.map_err(|issues| issues.to_string())
    };
    let summary = both().expect("it is accepted").to_string();
    let warning = "the directory has no *.json or *.hcl file: nothing of it is watched";
    assert!(summary.contains(warning), "{summary}");

    fs::write(folder.path("a.json"), NODES).expect("a file");
    for target in ["/nonexistent/b.json", "b.json"] {
        std::os::unix::fs::symlink(target, folder.path("b.json")).expect("a link");
        let errors = both().expect_err("it is refused");
        let expected = format!("b.json: the symbolic link to `{target}` cannot be followed");
        assert!(errors.contains(&expected), "{errors}");
        fs::remove_file(folder.path("b.json")).expect("the link is removed");
    }
    both().expect("it is accepted");
}

/// A field that an agent ignores is a warning that names the place and the field.
#[test]
fn what_is_ignored_is_a_warning_with_its_place() {
    let folder = Folder::new();
    let warnings = |text: &str| {
        let file = folder.path("a.hcl");
        fs::write(&file, text).expect("a file");
        let summary =
            check(&[file], &RunOptions::default()).unwrap_or_else(|issues| panic!("{issues}"));
        summary.warnings().join("\n")
    };
    for (text, parts) in [
        (
            "watches {\n type = \"nodes\"\n handler_type = \"http\"\n http_handler_config {\n  path = \"http://127.0.0.1:9/\"\n  timout = \"1s\"\n }\n}",
            &[
                "a.hcl:6: ",
                "http_handler_config",
                "`timout`",
                "did you mean `timeout`?",
                "ignored",
            ][..],
        ),
        (
            "watches {\n type = \"nodes\"\n handler_type = \"http\"\n http_handler_config {\n  path = \"http://127.0.0.1:9/\"\n  body = \"x\"\n }\n}",
            &["a.hcl:6: ", "`body`", "ignored"],
        ),
        (
            "watches {\n type = \"key\"\n key = \"a\"\n key = \"b\"\n args = [\"true\"]\n}",
            &["a.hcl:4: ", "`key` is given twice", "line 3 is ignored"],
        ),
        (
            "frobnicate = 1\nwatches { type = \"nodes\" args = [\"true\"] }",
            &["a.hcl:1: ", "`frobnicate`"],
        ),
    ] {
        let found = warnings(text);
        for part in parts {
            assert!(found.contains(part), "{part}: {found}");
        }
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn options_of_the_command_line_win_over_files() {
    let folder = Folder::new();
    let file = folder.path("a.hcl");
    let text = "consul {\n address = \"http://file:1\"\n token_file = \"/file\"\n datacenter = \"east\"\n}\n";
    fs::write(
        &file,
        format!("{text}watches {{ type = \"nodes\" args = [\"true\"] }}"),
    )
    .expect("a file");
    let base = ConsulConfig::default()
        .with_address("http://option:2")
        .expect("an address")
        .with_token("t");
    let fixed = vec![("address", "--http-addr"), ("token", "--token")];
    let options = RunOptions::new(base).overriding(fixed);
    let summary = check(&[file], &options)
        .expect("it is accepted")
        .to_string();
    assert!(summary.contains("Consul at http://option:2"), "{summary}");
    for part in [
        "a.hcl:2: consul: `address` is ignored: `--http-addr` of the command line counts",
        "a.hcl:3: consul: `token_file` is ignored: `--token` of the command line counts",
    ] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    assert!(!summary.contains("`datacenter`"), "{summary}");
}

#[test]
fn the_forms_of_a_block_mean_the_same() {
    let folder = Folder::new();
    let watch = |config: &str| {
        let config = ours(&folder, "a.json", &http(config)).expect("it is accepted");
        let summary = check(&[folder.path("a.json")], &RunOptions::default());
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

/// The limits of answers are fields of a file, for all watches and for one.
#[test]
fn the_limits_of_answers_are_fields() {
    let folder = Folder::new();
    let text = "consul { body_limit = \"64MiB\" first_answer_timeout = \"2m\" request_timeout = \"5s\" }\n\
                watches { type = \"keyprefix\" prefix = \"a/\" body_limit = 1000 first_answer_timeout = \"1m\" args = [\"true\"] }";
    let config = ours(&folder, "a.hcl", text).expect("it is accepted");
    let consul = config.consul();
    assert_eq!(
        (
            consul.max_body_size(),
            consul.first_answer_timeout().as_secs(),
            consul.request_timeout().as_secs()
        ),
        (64 << 20, 120, 5)
    );
    for (field, reason) in [
        (
            "body_limit = \"much\"",
            "`body_limit` cannot be used: it is not a size",
        ),
        ("body_limit = 0", "`body_limit` cannot be used"),
        (
            "first_answer_timeout = \"0s\"",
            "`first_answer_timeout` cannot be used",
        ),
        (
            "first_answer_timeout = 5",
            "`first_answer_timeout` must be a string",
        ),
    ] {
        let watch = format!("watches {{ type = \"nodes\" {field} args = [\"true\"] }}");
        for text in [format!("consul {{ {field} }}"), watch] {
            let errors = ours(&folder, "a.hcl", &text).expect_err("it is refused");
            assert!(errors.contains(reason), "{text}: {errors}");
        }
    }
}
