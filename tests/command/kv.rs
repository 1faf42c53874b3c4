//! The subcommand `kv`.

use consul_watch_harness::TestAgent;

use crate::runner::{finished, ours_at, text};

#[test]
fn put_get_list_and_delete() {
    let agent = TestAgent::dev();
    let run = |arguments: &[&str]| {
        let output = finished(&mut ours_at(&agent), arguments);
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    assert_eq!(
        run(&["kv", "put", "app/a", "1"]),
        (Some(0), String::new(), String::new())
    );
    assert_eq!(run(&["kv", "put", "app/b"]).0, Some(0));
    assert_eq!(run(&["kv", "get", "app/a"]).1, "1");
    assert_eq!(run(&["kv", "list", "app"]).1, "app/a = 1\napp/b = \n");
    assert_eq!(run(&["kv", "list", "--keys"]).1, "app/a\napp/b\n");

    let index = agent.entry("app/a").unwrap().modify_index;
    assert_eq!(
        run(&["kv", "put", "app/a", "2", "--cas", &index.to_string()]).0,
        Some(0)
    );
    let (code, _, stderr) = run(&["kv", "put", "app/a", "3", "--cas", &index.to_string()]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("`app/a`") && stderr.contains("ModifyIndex"),
        "{stderr}"
    );

    assert_eq!(run(&["kv", "delete", "app", "--recurse"]).0, Some(0));
    let (code, _, stderr) = run(&["kv", "get", "app/a"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("app/a"), "{stderr}");
}

/// As for Consul's own client, which drops one slash.
#[test]
fn a_slash_in_front_of_a_key_is_dropped() {
    let agent = TestAgent::dev();
    let run = |arguments: &[&str]| text(&finished(&mut ours_at(&agent), arguments).stdout);
    run(&["kv", "put", "/app/a", "1"]);
    assert_eq!(agent.get("app/a").unwrap().0, b"1");
    assert_eq!(run(&["kv", "get", "/app/a"]), "1");
    assert_eq!(run(&["kv", "list", "/app", "--keys"]), "app/a\n");
    let watch = ["-type=key", "-key=/app/a"];
    assert_eq!(run(&watch), run(&["-type=key", "-key=app/a"]));
    assert!(run(&watch).contains("\"app/a\""));
    assert!(run(&["-type=keyprefix", "-prefix=/app/"]).contains("\"app/a\""));
    run(&["kv", "delete", "/app/a"]);
    assert!(agent.get("app/a").is_none());
}
