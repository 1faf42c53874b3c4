//! Finds and reads configuration files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    client::{UnreadableFile, read_regular_file, shown_size},
    daemon::{
        config_issue::{ConfigErrors, ConfigIssue},
        location::Location,
        parse::{agent_form, hcl, json, tree::ConfigNode},
    },
};

/// The greatest size of a file: one of a million watches is smaller.
const MAX_SIZE: usize = 64 * 1024 * 1024;

/// The language of a file, known by its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Json,
    Hcl,
}

/// Reads the named files, and the `*.json` and `*.hcl` files of the named directories in the order of their names.
///
/// The order is that of Consul's
/// [`-config-dir`](https://developer.hashicorp.com/consul/docs/agent/config/cli-flags#_config_dir).
pub(in crate::daemon) fn read(
    paths: &[PathBuf],
    issues: &mut ConfigErrors,
    warnings: &mut Vec<ConfigIssue>,
) -> Vec<ConfigNode> {
    let mut trees = Vec::new();
    for path in paths {
        let location = Location::file(path);
        if path.is_dir() {
            match listed(path) {
                // As for an agent: what fills the directory may come later.
                Ok(files) if files.is_empty() => {
                    warnings.push(ConfigIssue::at(
                        location,
                        "the directory has no *.json or *.hcl file: nothing of it is watched until it has one",
                    ));
                }
                Ok(files) => trees.extend(
                    files
                        .iter()
                        .filter_map(|file| read_file(file, issues, warnings)),
                ),
                Err(error) => {
                    issues.push(ConfigIssue::at(
                        location,
                        format!("the directory cannot be read: {error}; check its permissions"),
                    ));
                }
            }
        } else {
            trees.extend(read_file(path, issues, warnings));
        }
    }
    trees
}

/// Returns the configuration files of a directory, sorted by name. A link that leads nowhere is one of them, whose
/// reading fails: without it, its watches would disappear.
fn listed(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if language(&path).is_none() {
            continue;
        }
        let is_file = match fs::metadata(&path) {
            Ok(found) => found.is_file(),
            Err(_) => path.is_symlink() && !is_lock(&path),
        };
        if is_file {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether this is a lock of Emacs beside a file that it edits: `.#a.json`, a link to nothing.
fn is_lock(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".#")
}

fn language(path: &Path) -> Option<Language> {
    match path.extension()?.to_str()? {
        "json" => Some(Language::Json),
        "hcl" => Some(Language::Hcl),
        _ => None,
    }
}

fn read_file(
    path: &Path,
    issues: &mut ConfigErrors,
    warnings: &mut Vec<ConfigIssue>,
) -> Option<ConfigNode> {
    let location = Location::file(path);
    let issue = |reason: String| ConfigIssue::at(location.clone(), reason);
    let bytes = match read_regular_file(path, MAX_SIZE) {
        Ok(bytes) => bytes,
        Err(error) => {
            issues.push(issue(unreadable(path, &error)));
            return None;
        }
    };
    let Some(language) = language(path) else {
        issues.push(issue(
            "the extension does not say whether this is JSON or HCL: rename the file to *.json or *.hcl"
                .to_owned(),
        ));
        return None;
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        issues.push(issue("the file is not UTF-8: save it as UTF-8".to_owned()));
        return None;
    };
    let parsed = match language {
        // An agent takes a file that begins so for JSON, whatever its name.
        Language::Hcl if !text.trim_start().starts_with('{') => {
            // As an agent reads it, so that no heredoc holds a carriage return.
            hcl::parser::parse(&text.replace("\r\n", "\n"), &location)
        }
        Language::Json | Language::Hcl => json::parse(text, &location),
    };
    let mut tree = parsed
        .map_err(|error| issues.push(ConfigIssue::at(location.at(error.line), error.reason)))
        .ok()?;
    // Of JSON in `.hcl`, an agent joins them as of HCL.
    if language == Language::Json {
        let ignored = agent_form::without_earlier_watches(&mut tree);
        let line = tree.location_of("watches").line().unwrap_or_default();
        warnings.extend(ignored.into_iter().map(|watches| {
            let reason = format!(
                "`watches` is given twice: this one is ignored, and that in line {line} counts; merge both into one"
            );
            ConfigIssue::at(watches.location, reason)
        }));
    }
    Some(agent_form::usual(tree))
}

/// Returns the reason and the remedy for a file that cannot be read.
fn unreadable(path: &Path, error: &UnreadableFile) -> String {
    let error = match error {
        UnreadableFile::Special => {
            return "this is not a regular file, and reading a pipe or a device may never end: write the configuration \
                    to a file *.json or *.hcl, and name that"
                .to_owned();
        }
        UnreadableFile::TooLarge => {
            return format!(
                "the file is larger than {}: check that it is the right one, or split it",
                shown_size(MAX_SIZE)
            );
        }
        UnreadableFile::Io(error) => error,
    };
    if let (Ok(target), Err(error)) = (fs::read_link(path), fs::metadata(path)) {
        return format!(
            "the symbolic link to `{}` cannot be followed: {error}; let it lead to a file, or remove it",
            target.display()
        );
    }
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "check its permissions",
        _ => "check the file",
    };
    format!("the file cannot be read: {error}; {remedy}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_directory_is_read_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("b.json", r#"{"watches": [], "n": 2}"#);
        put("a.hcl", "n = 1");
        put("c.txt", "no");
        fs::create_dir(folder.path().join("d.json")).unwrap();
        let mut issues = ConfigErrors::default();
        let trees = read(&[folder.path().to_owned()], &mut issues, &mut Vec::new());
        assert!(issues.is_empty(), "{issues}");
        let numbers: Vec<_> = trees
            .iter()
            .map(|tree| tree.to_json()["n"].as_u64())
            .collect();
        assert_eq!(numbers, [Some(1), Some(2)]);
    }

    #[test]
    fn all_unusable_files_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.hcl"), "a = 1\nb = [").unwrap();
        fs::write(path("b.json"), b"\xff").unwrap();
        fs::write(path("c.yaml"), "").unwrap();
        let mut issues = ConfigErrors::default();
        let paths = ["a.hcl", "b.json", "c.yaml", "gone.json"].map(path);
        assert!(read(&paths, &mut issues, &mut Vec::new()).is_empty());
        let text = issues.to_string();
        assert_eq!(text.lines().count(), 4, "{text}");
        for expected in [
            "a.hcl:2: expected a value, found the end of the file",
            "not UTF-8",
            "rename the file to *.json",
            "gone.json: the file cannot be read: ",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn a_link_that_leads_nowhere_is_refused_unless_its_name_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("real"), "watches = []").unwrap();
        fs::create_dir(path("folder")).unwrap();
        for (name, target) in [
            ("good.hcl", "real"),
            ("folder.json", "folder"),
            ("notes.txt", "gone"),
            ("a.json~", "gone"),
            (".#b.json", "me@host.1:2"),
        ] {
            symlink(target, path(name)).unwrap();
        }
        let read = |paths: &[PathBuf]| {
            let mut issues = ConfigErrors::default();
            let trees = read(paths, &mut issues, &mut Vec::new()).len();
            (trees, issues.to_string())
        };
        let all = [folder.path().to_owned()];
        assert_eq!(read(&all), (1, String::new()));

        symlink("/gone/target", path("a.json")).unwrap();
        symlink("b.hcl", path("b.hcl")).unwrap();
        for found in [read(&all), read(&[path("a.json"), path("b.hcl")])] {
            let lines: Vec<_> = found.1.lines().collect();
            let [gone, loops] = &lines[..] else {
                panic!("{found:?}")
            };
            for part in [
                "a.json: the symbolic link to `/gone/target` cannot be followed: No such file",
                "let it lead to a file, or remove it",
            ] {
                assert!(gone.contains(part), "{part}: {gone}");
            }
            assert!(loops.contains("b.hcl: the symbolic link to `b.hcl` cannot be followed"));
        }
    }

    #[test]
    fn an_empty_directory_is_a_warning_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "no").unwrap();
        let (mut issues, mut warnings) = (ConfigErrors::default(), Vec::new());
        let trees = read(&[folder.path().to_owned()], &mut issues, &mut warnings);
        assert!(trees.is_empty() && issues.is_empty(), "{issues}");
        let [warning] = &warnings[..] else {
            panic!("{warnings:?}")
        };
        let expected = format!("{}: the directory has no *.json", folder.path().display());
        assert!(warning.to_string().starts_with(&expected), "{warning}");
    }
}
