//! `cargo xtask lint`: checks of the source text that neither the compiler nor clippy makes.

mod files;
mod finding;
mod modules;
mod size;
mod source;
mod words;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use finding::Finding;

pub(crate) const USAGE: &str = "usage: cargo xtask lint [modules|words|size]... [--summary]";

/// Checks the workspace in a folder.
type Check = fn(&Path) -> Result<Vec<Finding>, String>;

/// The checks by name.
const CHECKS: [(&str, Check); 3] = [
    ("modules", modules::check),
    ("words", words::check),
    ("size", size::check),
];

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let (options, names): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with("--"));
    if let Some(unknown) = options.iter().find(|option| **option != "--summary") {
        return Err(format!("{unknown} is not known\n{USAGE}"));
    }
    if let Some(unknown) = names
        .iter()
        .find(|name| !CHECKS.iter().any(|check| check.0 == **name))
    {
        return Err(format!("{unknown}: no such check\n{USAGE}"));
    }
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut total = 0;
    for (name, check) in CHECKS {
        if !names.is_empty() && !names.iter().any(|chosen| *chosen == name) {
            continue;
        }
        let findings = check(root)?;
        total += findings.len();
        if options.is_empty() {
            for finding in &findings {
                println!("{finding}");
            }
        } else {
            print!("{}", summary(name, &findings));
        }
    }
    if total == 0 {
        Ok(())
    } else {
        Err(format!("{total} findings"))
    }
}

/// Counts the findings by folder, two levels deep.
fn summary(name: &str, findings: &[Finding]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for finding in findings {
        let folder = finding.path.parent().unwrap_or(Path::new(""));
        let parts: Vec<_> = folder
            .iter()
            .take(2)
            .map(|part| part.to_string_lossy())
            .collect();
        *counts.entry(parts.join("/")).or_default() += 1;
    }
    let mut text = format!("{name}: {}\n", findings.len());
    for (folder, count) in counts {
        let folder = if folder.is_empty() { "." } else { &folder };
        let _ = writeln!(text, "  {count:>5}  {folder}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_folder() {
        let at = |path: &str| Finding::new(Path::new(path), 1, "x");
        let findings = [
            at("README.md"),
            at("src/a/b/c.rs"),
            at("src/a/d.rs"),
            at("src/e.rs"),
        ];
        assert_eq!(
            summary("words", &findings),
            "words: 4\n      1  .\n      1  src\n      2  src/a\n"
        );
    }

    #[test]
    fn refuses_unknown_checks_and_options() {
        for wrong in ["spelling", "--fix"] {
            assert!(run(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
