//! The tests that a filter chooses, and the programs that hold them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{Artifact, build};

/// One test of one test program.
#[derive(Debug)]
pub(super) struct Test {
    /// Its name within the program.
    pub(super) name: String,
    /// The name of the program's target.
    pub(super) target: String,
    pub(super) executable: PathBuf,
    /// The directory that cargo would run it in.
    pub(super) package: PathBuf,
}

impl Test {
    /// Returns its name in all of the workspace: `target::module::test`.
    pub(super) fn full_name(&self) -> String {
        format!("{}::{}", self.target, self.name)
    }
}

/// Builds the test programs that the filter means, and returns the tests whose full names contain it.
///
/// These are the promises' programs, or the one that the filter names first.
pub(super) fn find(filter: &str) -> Result<Vec<Test>, String> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let all: BTreeSet<String> = [root.join("tests"), root.join("actors/tests")]
        .iter()
        .flat_map(|folder| targets(folder))
        .collect();
    let chosen = choose(filter, &all, &modules(&root.join("tests/promises")));
    let mut args = vec!["test", "--no-run", "--workspace", "--all-features"];
    for target in &chosen {
        args.extend(["--test", target]);
    }
    let mut tests = Vec::new();
    for artifact in build(&args)? {
        if chosen.contains(&artifact.name) {
            tests.extend(list(&artifact)?);
        }
    }
    tests.retain(|test| test.full_name().contains(filter));
    Ok(tests)
}

/// The target that the filter names first, unless it is one of the promises; else all of these.
fn choose(filter: &str, all: &BTreeSet<String>, promises: &BTreeSet<String>) -> Vec<String> {
    let first = filter.split("::").next().unwrap_or_default();
    if all.contains(first) && !promises.contains(first) {
        return vec![first.to_owned()];
    }
    let engine = all.intersection(promises).cloned();
    std::iter::once("promises".to_owned())
        .chain(engine)
        .collect()
}

/// The test targets in a folder: its files, and its folders with a `main.rs`.
fn targets(folder: &Path) -> Vec<String> {
    entries(folder)
        .into_iter()
        .filter(|path| path.join("main.rs").is_file() || is_rust(path))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect()
}

/// The modules in a folder, but for `main`.
fn modules(folder: &Path) -> BTreeSet<String> {
    entries(folder)
        .into_iter()
        .filter(|path| is_rust(path))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .filter(|name| name != "main")
        .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).into_iter().flatten();
    read.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "rs")
}

fn list(artifact: &Artifact) -> Result<Vec<Test>, String> {
    let shown = artifact.executable.display();
    let output = Command::new(&artifact.executable)
        .args(["--list", "--format", "terse"])
        .current_dir(&artifact.package)
        .output()
        .map_err(|error| format!("cannot run {shown}: {error}"))?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = names.lines().filter_map(|line| line.strip_suffix(": test"));
    let test = |name: &str| Test {
        name: name.to_owned(),
        target: artifact.name.clone(),
        executable: artifact.executable.clone(),
        package: artifact.package.clone(),
    };
    Ok(names.map(test).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_means_the_promises_or_the_target_that_it_names() {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let all = set(&["promises", "handlers", "stop_is_final", "randomized"]);
        let promises = set(&["stop_is_final", "only_real_changes"]);
        let chosen = |filter| choose(filter, &all, &promises).join(" ");
        assert_eq!(chosen(""), "promises stop_is_final");
        assert_eq!(chosen("stop_is_final::one"), "promises stop_is_final");
        assert_eq!(chosen("an_index"), "promises stop_is_final");
        assert_eq!(chosen("handlers"), "handlers");
        assert_eq!(chosen("randomized::all"), "randomized");
        assert_eq!(chosen("promises::stop"), "promises");
    }

    #[test]
    fn the_promises_are_eight() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let promises = modules(&root.join("tests/promises"));
        assert_eq!(promises.len(), 8, "{promises:?}");
        assert!(targets(&root.join("tests")).contains(&"promises".to_owned()));
    }
}
