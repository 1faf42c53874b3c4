//! Finding and reading configuration files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    super::fault::{ConfigErrors, Fault},
    hcl, json,
    tree::{Node, Place},
};

/// The languages, by the end of a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Json,
    Hcl,
}

/// Reads all files: those that are named, and of a directory its `*.json` and `*.hcl` in the order of
/// their names, as Consul does ("Agents Configuration File Reference", `-config-dir`).
pub(in super::super) fn read(paths: &[PathBuf], faults: &mut ConfigErrors) -> Vec<Node> {
    let mut trees = Vec::new();
    for path in paths {
        let place = Place::file(path);
        if path.is_dir() {
            match listed(path) {
                Ok(files) if files.is_empty() => {
                    faults.push(Fault::whole(
                        place,
                        "there is no *.json and no *.hcl in this directory",
                    ));
                }
                Ok(files) => trees.extend(files.iter().filter_map(|file| read_file(file, faults))),
                Err(error) => {
                    faults.push(Fault::whole(
                        place,
                        format!("the directory cannot be read: {error}"),
                    ));
                }
            }
        } else {
            trees.extend(read_file(path, faults));
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

fn read_file(path: &Path, faults: &mut ConfigErrors) -> Option<Node> {
    let place = Place::file(path);
    let fault = |reason: String| Fault::whole(place.clone(), reason);
    let Some(language) = language(path) else {
        faults.push(fault(
            "its language is told by the end of its name: call it *.json or *.hcl".to_owned(),
        ));
        return None;
    };
    let text = match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            faults.push(fault("it is not UTF-8: save it as UTF-8".to_owned()));
            return None;
        }
        Err(error) => {
            faults.push(fault(format!("it cannot be read: {error}")));
            return None;
        }
    };
    let parsed = match language {
        Language::Json => json::parse(&text, &place),
        Language::Hcl => hcl::parse(&text, &place),
    };
    parsed
        .map_err(|error| faults.push(Fault::whole(place.at(error.line), error.reason)))
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
        let mut faults = ConfigErrors::default();
        let trees = read(&[folder.path().to_owned()], &mut faults);
        assert!(faults.is_empty(), "{faults}");
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
        let mut faults = ConfigErrors::default();
        let paths = ["a.hcl", "b.json", "c.yaml", "gone.json", "empty"].map(path);
        assert!(read(&paths, &mut faults).is_empty());
        let text = faults.to_string();
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
