//! Finding and reading configuration files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::daemon::{
    config_issue::{ConfigErrors, ConfigIssue},
    location::Location,
    parse::{hcl, json, tree::ConfigNode},
};

/// The languages, by the end of a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Json,
    Hcl,
}

/// Reads all files: those that are named, and of a directory its `*.json` and `*.hcl` in the order of
/// their names, as Consul does ("Agents Configuration File Reference", `-config-dir`).
pub(in crate::daemon) fn read(paths: &[PathBuf], issues: &mut ConfigErrors) -> Vec<ConfigNode> {
    let mut trees = Vec::new();
    for path in paths {
        let location = Location::file(path);
        if path.is_dir() {
            match listed(path) {
                Ok(files) if files.is_empty() => {
                    issues.push(ConfigIssue::whole(
                        location,
                        "there is no *.json and no *.hcl in this directory",
                    ));
                }
                Ok(files) => trees.extend(files.iter().filter_map(|file| read_file(file, issues))),
                Err(error) => {
                    issues.push(ConfigIssue::whole(
                        location,
                        format!("the directory cannot be read: {error}"),
                    ));
                }
            }
        } else {
            trees.extend(read_file(path, issues));
        }
    }
    trees
}

/// The files of a directory that are configuration, in the order of their names.
fn listed(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if language(&path).is_some() && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn language(path: &Path) -> Option<Language> {
    match path.extension()?.to_str()? {
        "json" => Some(Language::Json),
        "hcl" => Some(Language::Hcl),
        _ => None,
    }
}

fn read_file(path: &Path, issues: &mut ConfigErrors) -> Option<ConfigNode> {
    let location = Location::file(path);
    let issue = |reason: String| ConfigIssue::whole(location.clone(), reason);
    let Some(language) = language(path) else {
        issues.push(issue(
            "its language is told by the end of its name: call it *.json or *.hcl".to_owned(),
        ));
        return None;
    };
    let text = match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            issues.push(issue("it is not UTF-8: save it as UTF-8".to_owned()));
            return None;
        }
        Err(error) => {
            issues.push(issue(format!("it cannot be read: {error}")));
            return None;
        }
    };
    let parsed = match language {
        Language::Json => json::parse(&text, &location),
        Language::Hcl => hcl::parser::parse(&text, &location),
    };
    parsed
        .map_err(|error| issues.push(ConfigIssue::whole(location.at(error.line), error.reason)))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_its_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("b.json", r#"{"watches": [], "n": 2}"#);
        put("a.hcl", "n = 1");
        put("c.txt", "no");
        fs::create_dir(folder.path().join("d.json")).unwrap();
        let mut issues = ConfigErrors::default();
        let trees = read(&[folder.path().to_owned()], &mut issues);
        assert!(issues.is_empty(), "{issues}");
        let numbers: Vec<_> = trees
            .iter()
            .map(|tree| tree.to_json()["n"].as_u64())
            .collect();
        assert_eq!(numbers, [Some(1), Some(2)]);
    }

    #[test]
    fn all_files_that_cannot_be_used_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.hcl"), "a = 1\nb = [").unwrap();
        fs::write(path("b.json"), b"\xff").unwrap();
        fs::write(path("c.yaml"), "").unwrap();
        fs::create_dir(path("empty")).unwrap();
        let mut issues = ConfigErrors::default();
        let paths = ["a.hcl", "b.json", "c.yaml", "gone.json", "empty"].map(path);
        assert!(read(&paths, &mut issues).is_empty());
        let text = issues.to_string();
        assert_eq!(text.lines().count(), 5, "{text}");
        for told in [
            "a.hcl:2: the end of the file where",
            "not UTF-8",
            "call it *.json",
            "gone.json: it cannot be read",
            "no *.json",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }
}
