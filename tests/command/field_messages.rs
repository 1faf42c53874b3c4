//! Fields that cannot mean what they say, as `check` names them.

use std::fs;

use crate::runner::{finished, ours, text};

fn checked(content: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.hcl");
    fs::write(&file, content).unwrap();
    let output = finished(ours().arg("check"), [&file]);
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), said)
}

#[test]
fn each_message_names_the_field_once_with_its_reason() {
    for (field, expected) in [
        (
            "retry { attempts = -1 }",
            "`retry.attempts` cannot be used: it must be a whole number",
        ),
        (
            "retry { attemps = 3 }",
            "`retry.attemps` is not a field here (did you mean `attempts`?)",
        ),
        (
            "on_error { args = [\"true\"] after = \"soon\" }",
            "`on_error.after` cannot be used: it must be a duration",
        ),
        (
            "on_error { args = 3 }",
            "`on_error.args` must be a string or a list of strings",
        ),
        (
            "environment_allow = [\"A*B\"]",
            "`environment_allow[0]` cannot be used: a star has a meaning at the end alone",
        ),
        (
            "environment_deny = [\"A\", \"\"]",
            "`environment_deny[1]` cannot be used: it is empty",
        ),
        (
            "grace = \"10000h\"",
            "`grace` cannot be used: it is longer than a year",
        ),
        ("label = \"\"", "`label` cannot be used: it is empty"),
    ] {
        let (status, said) = checked(&format!(
            "watches {{ type = \"nodes\" args = [\"true\"]\n {field} }}"
        ));
        assert_eq!(status, Some(2), "{field}: {said}");
        assert!(said.contains("a.hcl:2: watches[0]"), "{field}: {said}");
        assert!(said.contains(expected), "{field}: {said}");
        assert!(said.matches("cannot be used").count() <= 1, "{said}");
    }
    let (status, said) = checked("consul { connections = 0 }");
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("`connections` cannot be used: "), "{said}");
}

#[test]
fn names_with_a_star_at_the_end_are_accepted() {
    let watch = "watches { type = \"nodes\" args = [\"true\"] environment_allow = [\"*\", \"A_*\", \"B\"] grace = \"8760h\" }";
    let (status, said) = checked(watch);
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn a_limit_without_room_in_the_budget_is_a_warning() {
    let watch = |more: &str| format!("watches {{ type = \"nodes\" args = [\"true\"]\n {more} }}\n");
    for (content, expected) in [
        (
            format!("consul {{ body_budget = \"1MiB\" }}\n{}", watch("")),
            "more than `body_budget` (1 MiB) is refused, although `body_limit` (32 MiB)",
        ),
        (
            watch("body_limit = \"1GiB\""),
            "`body_limit` (1 GiB) is greater than `body_budget` of `consul` (256 MiB)",
        ),
    ] {
        let (status, said) = checked(&content);
        assert_eq!(status, Some(0), "{said}");
        assert_eq!(said.matches("warning: ").count(), 1, "{said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
