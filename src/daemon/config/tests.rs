//! What files may say, and what is said of what they may not.

use std::{fs, path::PathBuf, time::Duration};

use tempfile::TempDir;

use super::{Concurrency, DaemonConfig, HandlerSpec, WatchSpec, retry::RetrySpec};
use crate::ConsulConfig;

fn load_all(files: &[(&str, &str)]) -> Result<DaemonConfig, String> {
    let folder = TempDir::new().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(name, text)| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        })
        .collect();
    let loaded = DaemonConfig::load(&paths, &ConsulConfig::default());
    loaded.map_err(|errors| {
        errors
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    })
}

fn load(text: &str) -> Result<DaemonConfig, String> {
    load_all(&[("a.hcl", text)])
}

/// What is wrong with a watch of a key that has these fields, on line 4.
fn errors(fields: &str) -> String {
    load(&format!(
        "watches {{\n type = \"key\"\n key = \"a\"\n {fields}\n}}"
    ))
    .unwrap_err()
}

fn only(text: &str) -> WatchSpec {
    load(text).unwrap().watches.remove(0)
}

#[test]
fn what_the_agent_refuses_is_refused_with_its_place() {
    let script = "args = [\"x\"]";
    for (fields, told) in [
        (
            "",
            "a.hcl:1: watches[0]: `args` is missing: a watch needs a handler",
        ),
        (
            "args = []",
            "a.hcl:4: watches[0]: `args` cannot be used: it is empty",
        ),
        (
            "args = \"x\"",
            "`args` must be a list of strings, but it is a string",
        ),
        (
            "args = [\"x\", 1]",
            "a.hcl:4: watches[0]: `args[1]` must be a string, but it is a number",
        ),
        (
            "handler = 7",
            "`handler` must be a string, but it is a number",
        ),
        (
            "handler = \"x\"\n args = [\"x\"]",
            "`handler` and `args` cannot be given together",
        ),
        (
            "handler_type = \"smtp\"",
            "`handler_type` cannot be `smtp`: it is one of script, http, exec",
        ),
        ("handler_type = \"htp\"", "did you mean `http`?"),
        (
            "handler_type = \"http\"",
            "`http_handler_config` is missing: a handler of type `http` needs it",
        ),
        (
            "handler_type = \"http\"\n http_handler_config {}",
            "a.hcl:5: watches[0].http_handler_config: `path` is missing: give the URL",
        ),
        (
            "handler_type = \"http\"\n http_handler_config { path = \"http://x\"\n timeout = \"10\" }",
            "a.hcl:6: watches[0].http_handler_config: `timeout` cannot be used: it does not parse as a duration",
        ),
        (
            "handler_type = \"http\"\n args = [\"x\"]\n http_handler_config { path = \"http://x\" }",
            "`args` and `http_handler_config` cannot be given together",
        ),
        (
            &*format!("{script}\n http_handler_config {{ path = \"http://x\" }}"),
            "it is for `handler_type = \"http\"`",
        ),
        (
            &*format!("{script}\n datacentre = 1"),
            "`datacentre` is not a field here (did you mean `datacenter`?)",
        ),
    ] {
        let errors = errors(fields);
        assert!(errors.contains(told), "{fields}: {errors}");
    }
}

#[test]
fn what_is_ours_is_refused_where_it_is_wrong() {
    for (fields, told) in [
        (
            "args = [\"x\"]\n timout = \"1s\"",
            "a.hcl:5: watches[0]: `timout` is not a field here (did you mean `timeout`?)",
        ),
        (
            "args = [\"x\"]\n timeout = 5",
            "`timeout` must be a string, but it is a number",
        ),
        (
            "args = [\"x\"]\n max_wait = \"1s\"",
            "`quiet_period` is missing",
        ),
        (
            "args = [\"x\"]\n quiet_period = \"2s\"\n max_wait = \"1s\"",
            "a.hcl:6: watches[0]: `max_wait` cannot be used",
        ),
        (
            "args = [\"x\"]\n retry = 3",
            "`retry` must be true, false or {",
        ),
        (
            "args = [\"x\"]\n retry { atempts = 3 }",
            "did you mean `attempts`?",
        ),
        (
            "args = [\"x\"]\n retry { base = \"10s\"\n ceiling = \"1s\" }",
            "a.hcl:5: watches[0]: `retry` cannot be used",
        ),
        (
            "args = [\"x\"]\n concurrency = \"two\"",
            "`concurrency` cannot be used: it must be \"one\"",
        ),
        (
            "args = [\"x\"]\n concurrency { paralel = 2 }",
            "did you mean `parallel`?",
        ),
        (
            "args = [\"x\"]\n concurrency { queue = 0 }",
            "`concurrency.queue` cannot be used",
        ),
        (
            "args = [\"x\"]\n kill_signal = \"HUP\"",
            "`kill_signal` is not a field here",
        ),
        (
            "args = [\"x\"]\n checkpoint = \"/no/such/folder/x\"",
            "there is no directory /no/such/folder",
        ),
        (
            "handler_type = \"exec\"\n args = [\"x\"]\n kill_signal = \"SIGWHAT\"",
            "`SIGWHAT` is no signal",
        ),
        (
            "handler_type = \"exec\"\n args = [\"x\"]\n restart_on_change = true\n reload_signal = \"HUP\"",
            "cannot be given together",
        ),
        (
            "handler_type = \"http\"\n http_handler_config { path = \"http://x\"\n secret = \"s3cret\" }",
            "`secret` must be { env =",
        ),
        (
            "label = \"deploy\"\n args = 1",
            "watches[0] `deploy`: `args`",
        ),
        (
            "args = [\"x\"]\n args = [\"y\"]",
            "a.hcl:5: watches[0]: `args` is given twice: it is in line 4 already",
        ),
    ] {
        let errors = errors(fields);
        assert!(errors.contains(told), "{fields}: {errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
    }
}

#[test]
fn all_errors_of_all_files_come_at_once() {
    let json = "{\n  \"wathces\": [],\n  \"datacenter\": \"dc1\",\n  \"server\": true, \"data_dir\": \"/x\"\n}";
    let hcl = "log { level = \"loud\" }\nconsul { address = \"ftp://x\"\n datacentr = 1 }\nwatches { type = \"kye\"\n key = \"a\" }\ndefaults { timeot = \"1s\" }";
    let errors = load_all(&[("a.json", json), ("b.hcl", hcl), ("c.json", "[]")]).unwrap_err();
    for told in [
        "a.json:2: `wathces` is not a field here (did you mean `watches`?)",
        "b.hcl:1: log: `level` cannot be `loud`",
        "b.hcl:2: consul: `address` cannot be used",
        "b.hcl:3: consul: `datacentr` is not a field here (did you mean `datacenter`?)",
        "b.hcl:4: watches[0]: `type` cannot be `kye` (did you mean `key`?)",
        "b.hcl:6: defaults: `timeot` is not a field here (did you mean `timeout`?)",
        "c.json:1: a file must be an object",
    ] {
        assert!(
            errors.lines().any(|line| line.starts_with(told)),
            "{told}:\n{errors}"
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
fn an_agents_own_file_is_used_as_it_is() {
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
fn defaults_hold_where_a_watch_says_nothing() {
    let text = r#"
        defaults { timeout = "1m" retry = false grace = "2s" environment_deny = ["AWS_*"] changes_only = true }
        watches { type = "key" key = "a" args = ["x"] timeout = "0" retry { attempts = 0 } }
        watches { type = "key" key = "b" handler = "x" concurrency { queue = 7 } changes_only = false }
        watches { type = "key" key = "c" handler_type = "exec" args = ["x"] reload_signal = "USR1" }
    "#;
    let watches = load(text).unwrap().watches;
    let HandlerSpec::Script(first) = &watches[0].handler else {
        panic!("a program")
    };
    assert_eq!(
        (first.timeout, first.grace, first.retry.attempts),
        (None, Some(Duration::from_secs(2)), 0)
    );
    assert!(watches[0].delivery.changes_only);
    let HandlerSpec::Script(second) = &watches[1].handler else {
        panic!("a program")
    };
    assert_eq!(
        (second.timeout, second.retry),
        (Some(Duration::from_secs(60)), RetrySpec::NEVER)
    );
    assert_eq!(second.concurrency, Concurrency::Queue(7));
    assert!(!watches[1].delivery.changes_only);
    assert!(matches!(&watches[2].handler, HandlerSpec::Exec(exec) if exec.start_at_once));
}

#[test]
fn a_service_has_a_timeout_and_retries_by_default() {
    let HandlerSpec::Script(script) =
        only("watches { type = \"key\" key = \"a\" args = [\"x\"] }").handler
    else {
        panic!("a program")
    };
    assert_eq!(
        (script.timeout, script.retry),
        (Some(Duration::from_secs(30)), RetrySpec::default())
    );
}

#[test]
fn sections_of_several_files_are_one() {
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
fn nothing_to_watch_is_told() {
    assert!(
        load("datacenter = \"x\"")
            .unwrap_err()
            .contains("there is no watch in any of the files")
    );
    assert!(
        load("watches = 7")
            .unwrap_err()
            .contains("a.hcl:1: `watches` must be a list")
    );
}

#[test]
fn roots_are_one_list_over_all_files() {
    let watch = "watches { type = \"nodes\" args = [\"x\"] }";
    let config = load_all(&[
        (
            "a.hcl",
            &format!("roots = [\n \"app/\",\n \"conf/web\"\n]\n{watch}"),
        ),
        (
            "b.json",
            r#"{ "roots": ["app/", ""], "ports": { "http": 8500 } }"#,
        ),
        ("c.hcl", "roots = \"shared/\""),
        ("d.json", r#"{ "roots": null }"#),
        ("e.hcl", "roots = []"),
    ])
    .unwrap();
    assert_eq!(
        config.roots().collect::<Vec<_>>(),
        ["app/", "conf/web", "", "shared/"]
    );
    let places: Vec<_> = config
        .roots
        .iter()
        .map(|root| root.location.line())
        .collect();
    assert_eq!(places, [Some(2), Some(3), Some(1), Some(1)]);
}

#[test]
fn roots_that_cannot_be_are_refused_with_their_places() {
    let long = format!("roots = [\"{}\"]", "a".repeat(600));
    for (roots, told) in [
        (
            "roots = 7",
            "a.hcl:1: `roots` must be a list of strings, but it is a number",
        ),
        (
            "roots { app = true }",
            "a.hcl:1: `roots` must be a list of strings, but it is ",
        ),
        (
            "roots = [\n \"a/\",\n 7\n]",
            "a.hcl:3: `roots[1]` must be a string, but it is a number",
        ),
        (
            "roots = [\"a/\", [\"b/\"]]",
            "a.hcl:1: `roots[1]` must be a string, but it is a list",
        ),
        (
            "roots = [\"/app/\"]",
            "a.hcl:1: `roots[0]` cannot be used: it begins with a slash, which no URL of Consul can name, so all \
             keys would be asked for; write `app/`, or `\"\"` for all keys",
        ),
        (
            "roots = \"//\"",
            "all keys would be asked for; write `\"\"` if that is meant",
        ),
        (
            "roots = [\n \"a/\",\n \"b/\",\n \"a/\"\n]",
            "a.hcl:4: `roots[2]` cannot be used: `a/` is in line 2 already; leave one of them out",
        ),
        (
            "roots = [\"\", \"\"]",
            "`roots[1]` cannot be used: `` is in line 1 already",
        ),
        (
            "roots = [\"a/\"]\nroots = [\"b/\"]",
            "a.hcl:2: `roots` is given twice: it is in line 1 already",
        ),
        (
            &*long,
            "`roots[0]` cannot be used: it is 600 bytes long, and no watch looks for a root of more than 511",
        ),
        (
            "root = [\"a/\"]",
            "a.hcl:1: `root` is not a field here (did you mean `roots`?)",
        ),
        ("rotos = [\"a/\"]", "did you mean `roots`?"),
    ] {
        let errors = load(&format!(
            "{roots}\nwatches {{ type = \"nodes\" args = [\"x\"] }}"
        ))
        .unwrap_err();
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.contains(told), "{roots}: {errors}");
    }
    let errors = load_all(&[
        ("a.json", "{ \"roots\": [null,\n \"/\", true] }"),
        ("b.hcl", "roots = 1"),
    ]);
    let errors = errors.unwrap_err();
    for told in [
        "a.json:1: `roots[0]` must be a string, but it is null",
        "a.json:2: `roots[1]`",
        "a.json:2: `roots[2]`",
        "b.hcl:1: `roots` must",
    ] {
        assert!(
            errors.lines().any(|line| line.starts_with(told)),
            "{told}:\n{errors}"
        );
    }
}

#[test]
fn a_summary_counts_what_each_root_serves() {
    let watches = r#"
        watches { type = "key" key = "app/limits" args = ["true"] }
        watches { type = "keyprefix" prefix = "app/x/" args = ["true"] }
        watches { type = "keyprefix" prefix = "app/" args = ["true"] }
        watches { type = "key" key = "app/secret" token = "t" args = ["true"] }
        watches { type = "key" key = "conf" args = ["true"] }
        watches { type = "nodes" args = ["true"] }
    "#;
    let printed = |roots: &str| {
        let config = load(&format!("roots = {roots}{watches}")).unwrap();
        super::super::Summary::of(&config).to_string()
    };
    let summary = printed("[\"app/\", \"conf/\"]");
    assert!(
        summary.contains("\n  root \"app/\" is one query for 3 watches\n"),
        "{summary}"
    );
    assert!(
        summary.contains("a.hcl:1: the root \"conf/\" serves no watch: none is beneath it"),
        "{summary}"
    );
    // What ends with no slash is any beginning of a name, as a `prefix` is.
    let summary = printed("[\"app/lim\"]");
    assert!(
        summary.contains("\n  root \"app/lim\" is one query for 1 watch\n"),
        "{summary}"
    );
    let summary = printed("[\"\", \"app/x/\"]");
    assert!(
        summary.contains("\n  root \"\", all keys, is one query for 3 watches\n"),
        "{summary}"
    );
    assert!(
        summary.contains("\n  root \"app/x/\" is one query for 1 watch\n"),
        "{summary}"
    );
    assert!(!summary.contains("warning"), "{summary}");
    assert!(!printed("[]").contains("root"));
}

#[test]
fn two_watches_cannot_share_a_checkpoint() {
    let watch = |key| {
        format!(
            "watches {{ type = \"key\" key = \"{key}\" args = [\"x\"] checkpoint = \"seen\" }}\n"
        )
    };
    let errors = load(&format!("{}{}", watch("a"), watch("b"))).unwrap_err();
    assert!(
        errors.starts_with("a.hcl:2: the checkpoint seen is that of a.hcl:1 already"),
        "{errors}"
    );
}

#[test]
fn nothing_secret_is_printed() {
    let text = r#"
        consul { address = "http://x" token = "hunter2" }
        watches { type = "key" key = "a" token = "hunter3" args = ["x", "hunter4"] }
        watches { type = "key" key = "a" handler_type = "http"
            http_handler_config { path = "http://me:hunter5@x/?hunter6" header { X-Token = ["hunter7"] } } }
    "#;
    let config = load(text).unwrap();
    let summary = super::super::Summary::of(&config);
    let printed = format!("{summary} {config:?}");
    assert!(!printed.contains("hunter"), "{printed}");
}
