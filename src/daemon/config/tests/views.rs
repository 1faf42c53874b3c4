//! The fields `only` and `project`: refusals with their locations, and the watches that they apply to.

use super::{load, load_all, only};
use crate::daemon::config::watch_spec::WatchSpec;

/// Returns the issues of a watch of this type that has these fields, on line 3.
fn errors_of(kind: &str, fields: &str) -> String {
    let text = format!("watches {{\n {kind}\n {fields}\n args = [\"x\"]\n}}");
    load(&text).unwrap_err()
}

const KEY: &str = "type = \"key\" key = \"a\"";
const SERVICE: &str = "type = \"service\" service = \"web\"";

/// Checks that a watch of each type with these fields has one issue, which contains this text.
fn refuses(cases: &[(&str, &str, &str)]) {
    for (kind, fields, expected) in cases {
        let errors = errors_of(kind, fields);
        assert!(errors.contains(expected), "{fields}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{fields}: {errors}");
    }
}

#[test]
fn conditions_that_select_nothing_are_refused_with_their_location() {
    refuses(&[
        (
            KEY,
            "only = \"a\"",
            "a.hcl:3: watches[0]: `only` must be a block of keys, tags or transitions",
        ),
        (
            KEY,
            "only {}",
            "a.hcl:3: watches[0]: `only` cannot be used: it is empty; give `keys`",
        ),
        (
            KEY,
            "only { keys = [] }",
            "`only.keys` cannot be used: it is empty, and no change would count",
        ),
        (
            KEY,
            "only { keys = [\"a\",\n \"\"] }",
            "a.hcl:4: watches[0]: `only.keys[1]` cannot be used: it is empty",
        ),
        (
            KEY,
            "only { keys = [1] }",
            "`only.keys[0]` must be a string, but it is a number",
        ),
        (
            KEY,
            "only { keys = [\"a\",\n \"app/[\"] }",
            "a.hcl:4: watches[0]: `only.keys[1]` cannot be used: it is not a glob: unclosed character class at byte 4",
        ),
        (
            KEY,
            "only { keys = [\"{a,b\"] }",
            "unclosed brace expansion",
        ),
        (
            KEY,
            "only { keys = [\"a\",\n \"b*\"] }",
            "a.hcl:4: watches[0]: `only.keys[1]` cannot be used: it does not match `a`, the only key of this watch",
        ),
        (
            "type = \"keyprefix\" prefix = \"/app/\"",
            "only { keys = [\"app/*\",\n \"*.json\"] }",
            "a.hcl:4: watches[0]: `only.keys[1]` cannot be used: it matches no key with the prefix `app/`; write a \
             glob of full keys, such as `app/**`",
        ),
        (
            KEY,
            "only { key = [\"a\"] }",
            "`only.key` is not a field here (did you mean `keys`?)",
        ),
        (
            KEY,
            "only { tags = [\"a\"] }",
            "`only.tags` cannot be used: it applies to watches of type `service` and `services`, and this one is of \
             type `key`; use `keys`, or remove it",
        ),
        (
            SERVICE,
            "only { keys = [\"a\"] }",
            "and this one is of type `service`; use `tags` or `transitions`, or remove it",
        ),
        (
            "type = \"nodes\"",
            "only { tags = [\"a\"] }",
            "this one is of type `nodes`; remove it",
        ),
        (
            "type = \"services\"",
            "only { transitions = [\"* -> critical\"] }",
            "it applies to watches of type `service` and `checks`",
        ),
        (
            SERVICE,
            "only { transitions = [\"critical\"] }",
            "`only.transitions[0]` cannot be used: it is not a change of health; write `passing -> critical`",
        ),
        (
            SERVICE,
            "only { transitions = [\"* -> *\", \"passing -> critcal\"] }",
            "`only.transitions[1]` cannot be `critcal` (did you mean `critical`?): it is one of passing, warning,",
        ),
        (
            SERVICE,
            "only { transitions = [\"passing -> passing\"] }",
            "both ends are the same, so that it never happens",
        ),
        (
            "type = \"kee\"",
            "only { keys = [\"a\"] }",
            "did you mean `key`?",
        ),
    ]);
}

#[test]
fn conditions_that_cannot_be_met_are_refused() {
    refuses(&[
        (
            SERVICE,
            "only { transitions = [\"->\"] }",
            "`only.transitions[0]` cannot be ``",
        ),
        (
            SERVICE,
            "only { transitions = [\"\"] }",
            "`only.transitions[0]` cannot be used: it is empty",
        ),
        (
            SERVICE,
            "only { transitions = [\"passing -> critical -> passing\"] }",
            "it has more than one arrow",
        ),
        (
            KEY,
            "only { keys = [\"{*a,*b,*c}{*a,*b,*c}{*a,*b,*c}{*a,*b,*c}\"] }",
            "`only.keys[0]` cannot be used: its alternatives have 81 combinations, and 64 is the limit",
        ),
        (
            KEY,
            "only { keys = [\"n/[à-ü]\"] }",
            "matches ASCII characters alone",
        ),
    ]);
}

#[test]
fn conditions_that_are_null_are_none() {
    for only in [r#"{"keys": null}"#, r#"{"keys": null, "tags": null}"#] {
        let watch = format!(r#"{{"type": "key", "key": "a", "args": ["x"], "only": {only}}}"#);
        let text = format!(r#"{{"watches": [{watch}]}}"#);
        let errors = load_all(&[("a.json", &text)]).unwrap_err();
        assert!(
            errors.contains("`only` cannot be used: it is empty"),
            "{errors}"
        );
    }
}

#[test]
fn what_a_file_says_forges_no_line_of_an_error() {
    let text = format!(
        r#"{{"watches": [{{"type": "key", "key": "a", "args": ["x"], "payload": "\u001b[31m\nx", "project": ["\u202e{}"]}}]}}"#,
        "y".repeat(1_000_000)
    );
    let errors = load_all(&[("a.json", &text)]).unwrap_err();
    assert_eq!(errors.lines().count(), 2, "{errors}");
    assert!(errors.len() < 3_000 && !errors.contains(['\u{1b}', '\u{202e}']));

    let long = "y".repeat(1_000_000);
    let text = format!(
        r#"{{"watches": [{{"type": "keyprefix", "prefix": "\u001b[31m\n\u202e{long}", "args": ["x"], "only": {{"keys": "a"}}}}]}}"#
    );
    let errors = load_all(&[("a.json", &text)]).unwrap_err();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains(r"`\u{1b}[31m\n\u{202e}y"), "{errors}");
    assert!(errors.len() < 3_000, "{}", errors.len());
}

#[test]
fn a_projection_of_unknown_fields_is_refused_with_its_location() {
    for (kind, fields, expected) in [
        (
            KEY,
            "project = []",
            "a.hcl:3: watches[0]: `project` cannot be used: it is empty; name at least one field",
        ),
        (
            KEY,
            "project = 1",
            "`project` must be a string or a list of strings",
        ),
        (
            KEY,
            "project = [\"Value\",\n \"Flag\"]",
            "a.hcl:4: watches[0]: `project[1]` cannot be `Flag` (did you mean `Flags`?): it is one of Key, CreateIndex,",
        ),
        (
            KEY,
            "project = [\"ModifyIndex\"]",
            "`ModifyIndex` only says when something was written",
        ),
        (
            SERVICE,
            "project = [\"Port\"]",
            "did you mean `Service.Port`",
        ),
        (
            "type = \"event\"",
            "project = [\"Name\"]",
            "`project` cannot be used: it does not apply to a watch of type `event`",
        ),
    ] {
        let errors = errors_of(kind, fields);
        assert!(errors.contains(expected), "{fields}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{fields}: {errors}");
    }
}

#[test]
fn another_view_is_another_watch() {
    let watch = |fields: &str| -> WatchSpec {
        only(&format!("watches {{ {SERVICE} args = [\"x\"] {fields} }}"))
    };
    let same = |one: &str, other: &str| watch(one).is_same_watch(&watch(other));
    assert!(same("only { tags = [\"a\"] }", "only { tags = [\"a\"] }"));
    assert!(same("only { tags = [\"a\"] }", "only { tags = \"a\" }"));
    assert!(!same("only { tags = [\"a\"] }", "only { tags = [\"b\"] }"));
    assert!(!same(
        "only { transitions = [\"* -> critical\"] }",
        "only { transitions = [\"* -> passing\"] }"
    ));
    assert!(!same("", "project = [\"Service.Port\"]"));
    assert!(!same(
        "project = [\"Service.Address\"]",
        "project = [\"Service.Port\"]"
    ));
    // The handler alone is another one.
    assert!(same("", "payload = \"changes\""));
    assert!(!watch("").is_same(&watch("payload = \"changes\"")));
}
