//! The links of the documentation lead somewhere, and the README's table of promises names real code and tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Markdown files of the repository that people read.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["", "docs", "actors", ".github"]
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.sort();
    assert!(found.len() >= 10, "{found:?}");
    found
}

/// The targets of the links outside of code.
fn links(text: &str) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(str::to_owned)
        .collect()
}

/// The anchors of a document's headings, as forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose: String = text.split("```").step_by(2).collect();
    prose
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = read(&document);
        for link in links(&text) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                document.clone()
            } else {
                document.parent().unwrap().join(file)
            };
            let there =
                target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !there {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

/// A row of the table of promises.
struct Promise {
    /// The bold name, as a file would be called.
    name: String,
    places: Vec<String>,
    tests: Vec<String>,
}

fn promises() -> Vec<Promise> {
    let readme = read(&root().join("README.md"));
    let rows = readme.lines().filter(|line| line.starts_with("| **"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [name, _, places, tests] = cells[..] else {
            panic!("not four columns: {row}")
        };
        let name = name.split("**").nth(1).unwrap().to_lowercase();
        Promise {
            name: name.replace(',', "").replace(' ', "_"),
            places: links(places),
            tests: links(tests),
        }
    })
    .collect()
}

#[test]
fn every_promise_has_its_place_and_the_test_of_its_name() {
    let promises = promises();
    assert_eq!(promises.len(), 8, "the README makes eight promises");
    let suite = read(&root().join("tests/promises/main.rs"));
    for promise in promises {
        let name = &promise.name;
        assert!(!promise.places.is_empty(), "{name} has no place");
        assert_eq!(promise.tests[0], format!("tests/promises/{name}.rs"));
        assert!(suite.contains(&format!("mod {name};")), "{name} is not run");
        for test in &promise.tests {
            let file = root().join(test);
            // A test of a promise may be split into a folder of the same name.
            let folder = if test.ends_with("/main.rs") {
                file.parent().unwrap().to_owned()
            } else {
                file.with_extension("")
            };
            assert_eq!(folder.file_name().unwrap().to_str(), Some(name.as_str()));
            let mut text = read(&file);
            if folder.is_dir() {
                for part in fs::read_dir(folder).unwrap() {
                    text += &read(&part.unwrap().path());
                }
            }
            assert!(
                text.contains("::test]") || text.contains("#[test]"),
                "{test} tests nothing"
            );
        }
    }
}

#[test]
fn refuses_what_leads_nowhere() {
    let text = "# A *head*, `b`\n[x](y.md#a-head-b) and\n```\n[no](link)\n```\n[z](https://a)";
    assert_eq!(links(text), ["y.md#a-head-b", "https://a"]);
    assert_eq!(anchors(text), BTreeSet::from(["a-head-b".to_owned()]));
}
