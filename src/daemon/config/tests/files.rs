//! Several files: sections are merged, watches are added up, all errors are reported at once.

use std::time::Duration;

use tempfile::TempDir;

use super::{errors, load, load_all};
use crate::daemon::config::handler_spec::HandlerSpec;

#[test]
fn all_errors_of_all_files_come_at_once() {
    let json = "{\n  \"wathces\": [],\n  \"datacenter\": \"dc1\",\n  \"server\": true, \"data_dir\": \"/x\"\n}";
    let hcl = "log { level = \"loud\" }\nconsul { address = \"ftp://x\"\n datacentr = 1 }\nwatches { type = \"kye\"\n key = \"a\" }\ndefaults { timeot = \"1s\" }";
    let errors = load_all(&[("a.json", json), ("b.hcl", hcl), ("c.json", "[]")]).unwrap_err();
    for expected in [
        "a.json:2: `wathces` is not a field here (did you mean `watches`?)",
        "b.hcl:1: log: `level` cannot be `loud`",
        "b.hcl:2: consul: `address` cannot be used",
        "b.hcl:3: consul: `datacentr` is not a field here (did you mean `datacenter`?)",
        "b.hcl:4: watches[0]: `type` cannot be `kye` (did you mean `key`?)",
        "b.hcl:6: defaults: `timeot` is not a field here (did you mean `timeout`?)",
        "c.json:1: the file must hold an object",
    ] {
        assert!(
            errors.lines().any(|line| line.starts_with(expected)),
            "{expected}:\n{errors}"
        );
    }
    assert!(
        !errors.contains("data_dir") && !errors.contains("`server`"),
        "{errors}"
    );
    let places: Vec<_> = errors
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(location, _)| location)
        .collect();
    assert!(places.is_sorted(), "{errors}");
}

#[test]
fn an_agents_own_file_is_accepted() {
    let agent = r#"{
        "datacenter": "east", "data_dir": "/opt/consul", "log_level": "INFO", "node_name": "n", "server": true,
        "ports": { "http": 8500 }, "acl": { "tokens": { "agent": "s3cret" } },
        "watches": [
            { "type": "checks", "handler": "/usr/bin/health-check.sh" },
            { "type": "key", "key": "a", "args": ["/bin/x", "-${Y}"], "token": "t", "handler_type": "script" },
            { "type": "event", "name": "deploy", "handler_type": "http", "http_handler_config": {
                "path": "https://localhost:8000/watch", "method": "PUT", "timeout": "3s",
                "header": { "x-foo": ["bar", "baz"] }, "tls_skip_verify": true } }
        ]
    }"#;
    let config = load_all(&[("consul.json", agent)]).unwrap();
    assert_eq!(config.watches.len(), 3);
    let labels: Vec<_> = config
        .watches
        .iter()
        .map(|watch| watch.label.as_str())
        .collect();
    assert_eq!(labels, ["checks", "key:a?token", "event:deploy"]);
    let HandlerSpec::Http(http) = &config.watches[2].handler else {
        panic!("a URL")
    };
    assert_eq!(
        (http.method.as_str(), http.timeout, http.headers.len()),
        ("PUT", Duration::from_secs(3), 2)
    );
    assert!(http.tls_skip_verify);
}

#[test]
fn sections_of_several_files_are_merged() {
    let watch = "watches { type = \"nodes\" args = [\"x\"] }";
    let config = load_all(&[
        ("a.hcl", &format!("consul {{ address = \"http://one:1\" datacenter = \"dc\" }}\n{watch}")),
        (
            "b.json",
            r#"{"consul": {"address": "http://two:2"}, "log": {"level": "DEBUG"}, "shutdown_grace": "3s"}"#,
        ),
        ("c.hcl", watch),
    ])
    .unwrap();
    assert_eq!(config.consul().address().to_string(), "http://two:2");
    assert_eq!(config.consul().datacenter(), Some("dc"));
    assert_eq!(config.log().level(), Some("debug"));
    assert_eq!(
        (config.watches.len(), config.shutdown_grace),
        (2, Duration::from_secs(3))
    );
}

#[test]
fn files_without_a_watch_and_unknown_names_are_warnings() {
    let config = load("datacenter = \"x\"\nfrobnicate = 1").unwrap();
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("a.hcl:2: `frobnicate` is neither"));
    assert!(warnings[1].contains("the files have no watch"));
    for text in ["watch { type = \"nodes\" args = [\"x\"] }", "Watch = []"] {
        let errors = load(text).unwrap_err();
        assert!(errors.contains("(did you mean `watches`?)"), "{errors}");
    }
    assert!(
        load("watches = 7")
            .unwrap_err()
            .contains("a.hcl:1: `watches` must be a list")
    );
}

/// As in an agent: JSON has the last one, HCL joins blocks, and so does JSON in a file that is named `.hcl`.
#[test]
fn of_watches_that_are_given_twice_the_last_of_json_count() {
    let json = "{\n \"watches\": [{ \"type\": \"nodes\", \"args\": [\"x\"] }],\n \
                \"watches\": [{ \"type\": \"services\", \"args\": [\"x\"] }] }";
    let hcl = "watches { type = \"nodes\" args = [\"x\"] }\nwatches { type = \"services\" args = [\"x\"] }";
    for (name, text, labels) in [
        ("a.json", json, &["services"][..]),
        ("a.hcl", json, &["nodes", "services"]),
        ("a.hcl", hcl, &["nodes", "services"]),
    ] {
        let config = load_all(&[(name, text)]).unwrap();
        assert_eq!(config.labels().collect::<Vec<_>>(), labels, "{name}");
        let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings.len(), 2 - labels.len(), "{warnings:?}");
        if let [warning] = &warnings[..] {
            let expected = "a.json:2: `watches` is given twice: this one is ignored, and that in line 3 counts";
            assert!(warning.contains(expected), "{warning}");
        }
    }
    for (twice, name) in [
        ("shutdown_grace = \"1s\"", "shutdown_grace"),
        ("roots = [\"a\"]", "roots"),
    ] {
        let errors = load(&format!("{twice}\n{twice}")).unwrap_err();
        let expected = format!("a.hcl:2: `{name}` is given twice, first in line 1");
        assert!(errors.contains(&expected), "{twice}: {errors}");
    }
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_not_read() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let shown = pipe.display();
    for (field, setting) in [
        ("ca_file", format!("ca_file = \"{shown}\"")),
        ("secret.file", format!("secret {{ file = \"{shown}\" }}")),
    ] {
        let config = format!("path = \"https://x\"\n {setting}");
        let errors = errors(&format!(
            "handler_type = \"http\"\n http_handler_config {{ {config} }}"
        ));
        let expected = format!(
            "a.hcl:6: watches[0].http_handler_config: `{field}` cannot be used: {shown} is not a regular file"
        );
        assert!(errors.contains(&expected), "{errors}");
    }
}

#[test]
fn a_name_that_consul_takes_for_another_is_a_warning_or_an_error() {
    let watch = |name: &str| {
        load(&format!(
            "watches {{\n type = \"keyprefix\"\n prefix = \"{name}\"\n args = [\"x\"]\n}}"
        ))
    };
    assert!(watch("/app/").unwrap().warnings.is_empty());
    let config = watch("//app//web/").unwrap();
    assert_eq!(config.watches[0].path.to_string(), "keyprefix:app/web/?raw");
    let [warning] = &config.warnings[..] else {
        panic!("{:?}", config.warnings)
    };
    let expected = "a.hcl:3: watches[0]: the prefix `//app//web/` is taken for `app/web/`";
    assert!(warning.to_string().contains(expected), "{warning}");
    for name in ["//", "app/..", "../agent/self"] {
        let errors = watch(name).unwrap_err();
        let expected =
            format!("a.hcl:3: watches[0]: `prefix` cannot be used: Consul would take `{name}` for");
        assert!(errors.contains(&expected), "{errors}");
    }
}
