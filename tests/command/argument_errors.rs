//! Mistakes in the order and the texts of arguments, of which the error shows the way out.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use crate::runner::{finished, ours, text};

fn refused(arguments: &[&str], parts: &[&str]) {
    let output = finished(&mut ours(), arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn options_in_front_of_a_command_are_shown_behind_it() {
    for (arguments, line) in [
        (
            &["-http-addr=127.0.0.1:1", "kv", "get", "a"][..],
            "`consul-watch kv get --http-addr=127.0.0.1:1 …`",
        ),
        (
            &["-stale", "check", "a.hcl"],
            "`consul-watch check --stale …`",
        ),
        (
            &["-token", "x", "run", "a.hcl"],
            "`consul-watch run --token=… …`",
        ),
    ] {
        refused(arguments, &["go behind it", line]);
    }
}

#[test]
fn the_commands_of_consul_are_told_from_programs() {
    for (arguments, parts) in [
        (
            &["watch", "-type=key", "-key=a"][..],
            &["leave `watch` out", "`consul-watch -type=key"][..],
        ),
        (
            &["-http-addr=127.0.0.1:1", "watch", "-type=key"],
            &["leave `watch` out"],
        ),
        (&["agent", "-dev"], &["`consul-watch run CONFIG`"]),
        (&["validate", "a.hcl"], &["`consul-watch check CONFIG`"]),
    ] {
        refused(arguments, parts);
    }
}

#[test]
fn an_option_that_is_not_utf8_is_named() {
    for (arguments, option, code) in [
        (&[&b"-type=key"[..], b"-key=a\xff"][..], "--key", 2),
        (&[b"-type=key", b"-key", b"a\xff"], "--key", 2),
        (&[b"-type=\xff"], "--type", 2),
        (&[b"-type=key", b"-key=a", b"-stale=\xff"], "--stale", 2),
        (
            &[b"check", b"a.hcl", b"-datacenter=\xff"],
            "--datacenter",
            2,
        ),
        (&[b"kv", b"get", b"-separator=\xff", b"a"], "--separator", 1),
        (&[b"kv", b"put", b"-flags=\xff", b"a"], "--flags", 1),
    ] {
        let arguments = arguments.iter().map(|word| OsStr::from_bytes(word));
        let output = finished(&mut ours(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{option}: {said}");
        let expected = format!("the value of '{option}' is not UTF-8");
        assert!(said.contains(&expected), "{option}: {said}");
    }
}

#[test]
fn an_option_that_does_not_count_is_named_once_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.hcl");
    std::fs::write(&file, "watches { type = \"nodes\" args = [\"true\"] }").unwrap();
    let given = ["check", "--http-addr=192.0.2.1:1", "--http-addr="];
    let output = finished(ours().args(given), [&file]);
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in [
        "option=--http-addr",
        "the last one counts",
        "its text is empty",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // As with `consul watch`, for which an empty address is none.
    let summary = text(&output.stdout);
    assert!(summary.contains("http://127.0.0.1:8500"), "{summary}");

    let output = finished(&mut ours(), ["-type=nodes", "--body-limit=0"]);
    let said = text(&output.stderr);
    assert!(said.contains("it must be more than zero"), "{said}");
}
