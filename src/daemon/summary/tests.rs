//! The text that `check` prints.

use super::{Summary, without_secrets};
use crate::{client::ConsulConfig, daemon::config::daemon_config::DaemonConfig};

/// The summary of one file, `a.hcl`.
fn summary_of(text: &str) -> (DaemonConfig, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.hcl");
    std::fs::write(&file, text).unwrap();
    let config = DaemonConfig::load(&[file], &ConsulConfig::default()).unwrap();
    let summary = Summary::of(&config).to_string();
    (config, summary)
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
    let printed = |roots: &str| summary_of(&format!("roots = {roots}{watches}")).1;
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
fn nothing_secret_is_printed() {
    let text = r#"
        consul { address = "http://x" token = "hunter2" }
        watches { type = "key" key = "a" token = "hunter3" args = ["x", "hunter4"] }
        watches { type = "key" key = "a" handler_type = "http"
            http_handler_config { path = "http://me:hunter5@x/?hunter6" header { X-Token = ["hunter7"] } } }
    "#;
    let (config, summary) = summary_of(text);
    let printed = format!("{summary} {config:?}");
    assert!(!printed.contains("hunter"), "{printed}");
}

#[test]
fn an_address_is_shown_without_what_may_be_secret() {
    for (url, shown) in [
        (
            "https://me:hunter2@host:1/a?token=hunter2#x",
            "https://host:1/a",
        ),
        ("http://host", "http://host"),
        ("unix", "unix"),
    ] {
        assert_eq!(without_secrets(url), shown);
    }
}
