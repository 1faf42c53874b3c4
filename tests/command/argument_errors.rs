//! Mistakes in the order and the texts of arguments, of which the error shows the way out.

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
