//! A stranger's greps: the field's word for each promise leads to the file that `docs/architecture.md` names.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A row of the table: the searched word, the folder, and the file that it leads to.
struct Grep {
    word: String,
    folder: PathBuf,
    file: PathBuf,
}

fn document() -> String {
    fs::read_to_string(root().join("docs/architecture.md")).unwrap()
}

/// The files that a text links, relative to the root.
fn linked(text: &str) -> Vec<&str> {
    let links = text.split("](../").skip(1);
    links.filter_map(|rest| rest.split(')').next()).collect()
}

fn greps() -> Vec<Grep> {
    let text = document();
    let rows = text.lines().filter(|line| line.contains("| `grep -ri \""));
    rows.map(|row| {
        let command = row.split('`').nth(1).unwrap();
        let mut parts = command.split('"');
        let word = parts.nth(1).unwrap().to_lowercase();
        let folder = root().join(parts.next().unwrap().trim());
        let file = root().join(linked(row)[0]);
        Grep { word, folder, file }
    })
    .collect()
}

/// Counts the lines that `grep -i` prints for a file.
fn hits(file: &Path, word: &str) -> usize {
    let text = fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .filter(|line| line.to_lowercase().contains(word));
    lines.count()
}

#[test]
fn each_word_is_found_most_often_where_the_document_says() {
    let greps = greps();
    assert!(greps.len() >= 8, "a grep for each promise");
    let mut wrong = Vec::new();
    for Grep { word, folder, file } in greps {
        let here = hits(&file, &word);
        if here == 0 {
            wrong.push(format!("{word}: not in {}", file.display()));
        }
        let mut files = Vec::new();
        sources(&folder, &mut files);
        for other in files.iter().filter(|other| **other != file) {
            let there = hits(other, &word);
            // Tests of the file say its words too.
            let is_test = other.to_string_lossy().ends_with("tests.rs");
            if there > here && !is_test {
                wrong.push(format!(
                    "{word}: {} has {here} lines, {} has {there}",
                    file.display(),
                    other.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The code spans of a text that are followed by a link, with the linked file.
fn named(text: &str) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("](../") {
        let before = &text[..at];
        let name = before.rsplit('`').nth(1).unwrap_or("");
        found.push((name.to_owned(), linked(&text[at..])[0]));
    }
    found
}

#[test]
fn the_sections_on_stop_and_isolation_name_code_that_is_there() {
    let text = document();
    let mut count = 0;
    for section in ["## Stop\n", "## Isolation\n"] {
        let section = text.split(section).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        for (name, file) in named(section) {
            let code = fs::read_to_string(root().join(file))
                .unwrap_or_else(|error| panic!("{file}: {error}"));
            let is_there = code
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .any(|word| word == name);
            assert!(is_there, "{file} has no `{name}`");
            count += 1;
        }
    }
    assert!(count >= 10, "five lines each, not {count}");
}
