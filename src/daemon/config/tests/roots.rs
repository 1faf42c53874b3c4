//! `roots`: one list over all files, and the prefixes that are refused.

use super::{load, load_all};

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
fn unusable_roots_are_refused_with_their_location() {
    let long = format!("roots = [\"{}\"]", "a".repeat(600));
    for (roots, expected) in [
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
            "a.hcl:1: `roots[0]` cannot be used: it starts with a slash, which no URL of Consul can name, so the \
             query would read all keys; write `app/`, or `\"\"` for all keys",
        ),
        (
            "roots = [\"app//\"]",
            "a.hcl:1: `roots[0]` cannot be used: a part between slashes is empty, `.` or `..`, which no URL of Consul \
             can name; write `app/`",
        ),
        (
            "roots = \"//\"",
            "so the query would read all keys; write `\"\"` if you mean all keys",
        ),
        (
            "roots = [\n \"a/\",\n \"b/\",\n \"a/\"\n]",
            "a.hcl:4: `roots[2]` cannot be used: `a/` is already in line 2; remove one of them",
        ),
        (
            "roots = [\"\", \"\"]",
            "`roots[1]` cannot be used: `` is already in line 1",
        ),
        (
            "roots = [\"a/\"]\nroots = [\"b/\"]",
            "a.hcl:2: `roots` is given twice, first in line 1",
        ),
        (
            &*long,
            "`roots[0]` cannot be used: it is 600 bytes long, and a root may have 511",
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
        assert!(errors.contains(expected), "{roots}: {errors}");
    }
    let errors = load_all(&[
        ("a.json", "{ \"roots\": [null,\n \"/\", true] }"),
        ("b.hcl", "roots = 1"),
    ]);
    let errors = errors.unwrap_err();
    for expected in [
        "a.json:1: `roots[0]` must be a string, but it is null",
        "a.json:2: `roots[1]`",
        "a.json:2: `roots[2]`",
        "b.hcl:1: `roots` must",
    ] {
        assert!(
            errors.lines().any(|line| line.starts_with(expected)),
            "{expected}:\n{errors}"
        );
    }
}
