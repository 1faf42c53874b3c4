use super::*;

fn findings(lists: &Lists) -> Vec<String> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/words"));
    let files = files::read(root, "", &["rs", "md"]).unwrap();
    assert_eq!(files.len(), 3, "the fixtures are there");
    let mut findings: Vec<Finding> = files
        .iter()
        .flat_map(|file| check_file(lists, file))
        .collect();
    findings.sort();
    let short = |finding: &Finding| {
        finding
            .to_string()
            .split(['”', '?'])
            .next()
            .unwrap_or("")
            .to_owned()
    };
    findings.iter().map(short).collect()
}

#[test]
fn refuses_heads_phrases_names_and_folders() {
    let expected = include_str!("../../../fixtures/words/expected.txt");
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(findings(&Lists::read().unwrap()), expected);
}

#[test]
fn an_exception_holds_for_one_phrase_in_one_file() {
    let lists = Lists::parse("reckoned | x\nbeneath | x", "", "refused.md | reckoned").unwrap();
    let findings = findings(&lists);
    assert!(
        !findings
            .iter()
            .any(|finding| finding.contains("refused.md:7")),
        "{findings:?}"
    );
    assert!(
        findings.contains(&"src/covered/refused.rs:6: “beneath".to_owned()),
        "{findings:?}"
    );
}

#[test]
fn lists_that_cannot_be_read_are_named_by_line() {
    let error = Lists::parse("# comment\nno bar", "", "").err();
    assert_eq!(error.as_deref(), Some("phrases.txt:2: no `|`"));
}
