//! The output of `consul-watch check`.

use super::{Summary, host_of};
use crate::{client::ConsulConfig, daemon::config::daemon_config::DaemonConfig};

/// Returns the configuration and the summary of one file, `a.hcl`.
fn summary_of(text: &str) -> (DaemonConfig, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.hcl");
    std::fs::write(&file, text).unwrap();
    let config = DaemonConfig::load(&[file], &ConsulConfig::default()).unwrap();
    let summary = Summary::of(&config).to_string();
    (config, summary)
}

#[test]
fn a_summary_counts_the_watches_of_each_root() {
    let watches = r#"
        watches { type = "key" key = "app/limits" args = ["true"] }
        watches { type = "keyprefix" prefix = "app/x/" args = ["true"] }
        watches { type = "keyprefix" prefix = "app/" args = ["true"] }
        watches { type = "key" key = "app/secret" token = "t" args = ["true"] }
        watches { type = "key" key = "conf" args = ["true"] }
        watches { type = "nodes" args = ["true"] }
    "#;
    let printed = |roots: &str| summary_of(&format!("roots = {roots}{watches}")).1;
    let summary = printed("[\"app/\", \"conf/\"]");
    assert!(
        summary.contains("\n  root \"app/\": one query for 3 watches\n"),
        "{summary}"
    );
    assert!(
        summary.contains("a.hcl:1: the root \"conf/\" serves no watch: no watch is under it"),
        "{summary}"
    );
    // Without a slash at its end, a root matches any name that starts with it, as `prefix` does.
    let summary = printed("[\"app/lim\"]");
    assert!(
        summary.contains("\n  root \"app/lim\": one query for 1 watch\n"),
        "{summary}"
    );
    let summary = printed("[\"\", \"app/x/\"]");
    assert!(
        summary.contains("\n  root \"\" (all keys): one query for 3 watches\n"),
        "{summary}"
    );
    assert!(
        summary.contains("\n  root \"app/x/\": one query for 1 watch\n"),
        "{summary}"
    );
    assert!(!summary.contains("warning"), "{summary}");
    assert!(!printed("[]").contains("root"));
}

#[test]
fn secrets_are_not_printed() {
    let text = r#"
        consul { address = "http://x" token = "hunter2" }
        watches { type = "key" key = "a" token = "hunter3" args = ["x", "--token", "hunter4"] }
        watches { type = "key" key = "b" handler = "curl --header 'X-Consul-Token: hunter8' x" }
        watches { type = "key" key = "a" handler_type = "http"
            http_handler_config { path = "http://me:hunter5@x/?hunter6" header { X-Token = ["hunter7"] } } }
    "#;
    let (config, summary) = summary_of(text);
    let printed = format!("{summary} {config:?}");
    assert!(!printed.contains("hunter"), "{printed}");
}

#[test]
fn of_urls_the_host_alone_is_shown() {
    for (url, shown) in [
        (
            "https://me:hunter2@host:1/services/hunter3?token=hunter2#x",
            "https://host:1",
        ),
        ("http://host", "http://host"),
        ("http://[::1]:80?hunter2", "http://[::1]:80"),
        ("hunter2", "a URL"),
    ] {
        assert_eq!(host_of(url), shown);
    }
}

#[test]
fn a_watch_is_shown_with_its_place_its_query_and_its_handler() {
    let text = r#"
        watches { type = "service" service = "web" tag = ["v1", "v2"] passingonly = true
            filter = "Checks is not empty" datacenter = "east" token = "hunter2"
            args = ["true"] label = "load\nbalancer" }
        watches { type = "key" key = "a b" handler_type = "http"
            http_handler_config { path = "https://hooks.example/hunter3" } }
    "#;
    let summary = summary_of(text).1;
    let line = |with: &str| {
        let found = summary.lines().find(|line| line.contains(with));
        found
            .unwrap_or_else(|| panic!("{with}: {summary}"))
            .to_owned()
    };
    let service = line("a.hcl:2  ");
    for part in [
        r"load\nbalancer",
        "type=service",
        "service=web",
        r#"tag=["v1","v2"]"#,
        "passingonly=true",
        r#"filter="Checks is not empty""#,
        "datacenter=east",
        "with a token",
        "runs true",
    ] {
        assert!(service.contains(part), "{part}: {service}");
    }
    let key = line("a.hcl:5  ");
    assert!(key.contains(r#"type=key key="a b""#), "{key}");
    assert!(key.ends_with("POST https://hooks.example"), "{key}");
    assert!(!summary.contains("hunter"), "{summary}");
}

#[test]
fn a_program_is_shown_with_its_arguments_and_a_long_label_is_cut() {
    let label = "l".repeat(3_000);
    let text = format!(
        r#"
        watches {{ type = "nodes" args = ["/bin/true", "--reload", "a b"] label = "{label}" }}
        watches {{ type = "nodes" handler = "sort | uniq" }}
        watches {{ type = "nodes" args = ["true", "--password", "hunter2"] handler_type = "exec" }}
    "#
    );
    let summary = summary_of(&text).1;
    for part in [
        "runs /bin/true --reload \"a b\" (timeout 30s)",
        "runs sort | uniq (by /",
        "keeps true --password … running",
    ] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    for line in summary.lines() {
        assert!(line.chars().count() < 300, "{line}");
    }
    assert!(!summary.contains("hunter2"), "{summary}");
}

#[test]
fn what_a_handler_learns_is_shown() {
    let text = r#"
        watches { type = "service" service = "web" args = ["true"] payload = "changes"
            only { tags = ["v1", "v2"] transitions = ["passing->critical", "* -> absent"] }
            project = ["Service.Address", "Service.Meta.version"] }
        watches { type = "key" key = "a" args = ["true"] }
    "#;
    let summary = summary_of(text).1;
    let shown = r#", payload changes, only tags ["v1", "v2"] transitions ["passing -> critical", "* -> absent"], project ["Service.Address", "Service.Meta.version"]"#;
    assert!(summary.contains(shown), "{summary}");
    assert_eq!(summary.matches("payload").count(), 1, "{summary}");
}

#[test]
fn no_text_of_a_file_commands_a_terminal() {
    const EVIL: &str = "\u{1b}[2J\u{202e}\u{200b}";
    let escaped = r"\u{1b}[2J\u{202e}\u{200b}";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("{EVIL}.hcl"));
    let load = |text: &str| {
        std::fs::write(&file, text.replace("EVIL", EVIL)).unwrap();
        DaemonConfig::load(std::slice::from_ref(&file), &ConsulConfig::default())
    };
    let check = |printed: String, texts: usize| {
        let clean = printed
            .lines()
            .all(|line| !line.contains(crate::text::is_unsafe));
        assert!(clean, "{printed:?}");
        let found = printed.matches(escaped).count();
        assert!(found >= texts, "{found} of {texts}: {printed}");
    };
    let accepted = load(
        r#"
        "EVIL" = 1
        roots = ["EVIL"]
        watches { type = "key" key = "EVIL" args = ["/EVIL"] label = "EVIL" checkpoint = "EVIL" }
        watches { type = "event" name = "EVIL" args = ["true"] }
        watches { type = "service" service = "web" filter = "EVIL" tag = ["EVIL"] handler = "EVIL" on_error = ["/EVIL"]
            only { tags = ["EVIL"] } }
    "#,
    );
    check(Summary::of(&accepted.unwrap()).to_string(), 18);
    let refused = [
        r#"watches { type = "EVIL" key = "a" args = ["true"] label = "EVIL" }"#,
        r#"watches { type = "nodes" args = ["true"] "EVIL" = 1 label = "EVIL" }"#,
        r#"watches { type = "nodes" handler_type = "EVIL" label = "EVIL" }"#,
        r#"watches { type = "nodes" args = ["true"] label = "EVIL" tag = [1] payload = "EVIL" }"#,
        r#"watches { type = "nodes" handler_type = "http" label = "EVIL" http_handler_config { path = "http://x" method = "EVIL" } }"#,
    ];
    for text in refused {
        check(load(text).unwrap_err().to_string(), 3);
    }
}
