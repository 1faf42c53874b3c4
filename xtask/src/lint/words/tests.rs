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
    assert_eq!(
        findings(&Lists::read().unwrap()),
        [
            "refused.md:1: a heading begins with “What",
            "refused.md:3: “is told",
            "refused.md:3: “never_asked",
            "refused.md:3: “told of",
            "refused.md:3: “whoever",
            "refused.md:7: “mend",
            "refused.md:7: “reckoned",
            "src/covered/refused.rs:1: the head of a file or module begins with “Whose",
            "src/covered/refused.rs:1: “covered/",
            "src/covered/refused.rs:3: a doc comment begins with “How",
            "src/covered/refused.rs:3: “goes on",
            "src/covered/refused.rs:5: “is told",
            "src/covered/refused.rs:6: “Parcel",
            "src/covered/refused.rs:6: “beneath",
            "src/covered/refused.rs:6: “told by",
            "src/covered/refused.rs:7: “Desk",
            "src/covered/refused.rs:8: “by itself",
            "src/covered/refused.rs:8: “mended",
            "src/covered/refused.rs:9: “go on",
        ]
    );
}

#[test]
fn an_exception_holds_for_one_phrase_in_one_file() {
    let lists = Lists::parse("is told | x\nbeneath | x", "", "refused.md | is told").unwrap();
    let findings = findings(&lists);
    assert!(
        !findings
            .iter()
            .any(|finding| finding.contains("refused.md:3")),
        "{findings:?}"
    );
    assert!(
        findings.contains(&"src/covered/refused.rs:5: “is told".to_owned()),
        "{findings:?}"
    );
}

#[test]
fn lists_that_cannot_be_read_are_named_by_line() {
    let error = Lists::parse("# comment\nno bar", "", "").err();
    assert_eq!(error.as_deref(), Some("phrases.txt:2: no `|`"));
}
