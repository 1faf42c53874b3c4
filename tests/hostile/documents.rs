//! The documents name tests that are there.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            found.push(entry);
        }
    }
}

/// Whether a source is the file of this name, or a module in the folder of this name.
fn is_named(source: &Path, name: &str) -> bool {
    let folder = source.parent().and_then(Path::file_name);
    source.file_stem().is_some_and(|stem| stem == name) || folder.is_some_and(|it| it == name)
}

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("tests"), &mut files);
    sources(&root.join("actors/tests"), &mut files);
    for document in ["SECURITY.md", "docs/reliability.md"] {
        let text = fs::read_to_string(root.join(document)).expect("a document");
        let named: Vec<_> = text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|name| name.split_once("::"))
            .collect();
        // What begins with a capital is a method, and one is the word for how tests are named.
        let named = named
            .into_iter()
            .filter(|(file, _)| file.starts_with(char::is_lowercase) && *file != "file");
        let mut count = 0;
        for (file, test) in named {
            let declared = format!("fn {test}(");
            let is_there = files
                .iter()
                .filter(|path| is_named(path, file))
                .any(|path| {
                    fs::read_to_string(path)
                        .expect("a source")
                        .contains(&declared)
                });
            assert!(
                is_there,
                "{document} names {file}::{test}, which is not there"
            );
            count += 1;
        }
        assert!(count > 10, "{document} names tests");
    }
}
