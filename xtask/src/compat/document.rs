//! docs/compatibility.md: tables of what passed, and the differences that people have written down below them.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use super::outcome::{Count, Outcome};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");

/// The head of the section that is kept as it is.
const KEPT: &str = "## Differences";

pub(super) fn write(outcomes: &[Outcome]) -> Result<(), String> {
    let known = fs::read_to_string(PATH).unwrap_or_default();
    let kept = known.find(KEPT).map_or(KEPT, |at| &known[at..]);
    let text = format!("{}\n{}\n", tables(outcomes), kept.trim_end());
    fs::write(PATH, text).map_err(|error| format!("{PATH}: {error}"))
}

fn tables(outcomes: &[Outcome]) -> String {
    let mut text = "# Compatibility\n\n\
        The tables are the output of `cargo xtask compat CONSUL...`, which runs the test suites and the storms with\n\
        each of the given Consul programs. A number counts the tests that passed; failures are shown as such.\n\
        `cargo xtask storm restores` and `cargo xtask storm policies` run one storm; `CONSUL_BIN` names the program.\n"
        .to_owned();
    let mut section = |head: &str, what: &str, rows: Vec<(String, Vec<String>)>| {
        let versions: Vec<_> = outcomes.iter().map(|it| it.version.as_str()).collect();
        let line = "|---".repeat(versions.len() + 1);
        let _ = write!(
            text,
            "\n## {head}\n\n| {what} | {} |\n{line}|\n",
            versions.join(" | ")
        );
        for (name, cells) in rows {
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
    };
    section("Promises", "promise", modules("promises", outcomes));
    section("Watch types", "tests of", modules("types", outcomes));
    section("Other suites", "suite", suites(outcomes));
    section("Storms", "storm", storms(outcomes));
    text
}

/// A row for each module of a suite.
fn modules(suite: &str, outcomes: &[Outcome]) -> Vec<(String, Vec<String>)> {
    let keys = outcomes.iter().flat_map(|outcome| outcome.counts.keys());
    let keys: BTreeSet<_> = keys.filter(|(of, _)| of == suite).collect();
    let cell = |count: Option<&Count>| count.map_or_else(|| "–".to_owned(), Count::to_string);
    let row = |key: &(String, String)| {
        let cells = outcomes.iter().map(|outcome| cell(outcome.counts.get(key)));
        (key.1.replace('_', " "), cells.collect())
    };
    keys.into_iter().map(row).collect()
}

/// A row for each other suite.
fn suites(outcomes: &[Outcome]) -> Vec<(String, Vec<String>)> {
    let names = outcomes.iter().flat_map(|outcome| outcome.counts.keys());
    let names: BTreeSet<_> = names.map(|(suite, _)| suite.as_str()).collect();
    let sum = |outcome: &Outcome, name: &str| {
        let of_suite = outcome
            .counts
            .iter()
            .filter(|((suite, _), _)| suite == name);
        let sum = of_suite.fold(Count::default(), |sum, (_, count)| Count {
            passed: sum.passed + count.passed,
            failed: sum.failed + count.failed,
        });
        sum.to_string()
    };
    names
        .into_iter()
        .filter(|name| !["promises", "types"].contains(name))
        .map(|name| {
            let cells = outcomes.iter().map(|outcome| sum(outcome, name));
            (name.replace('_', " "), cells.collect())
        })
        .collect()
}

/// A row for each storm.
fn storms(outcomes: &[Outcome]) -> Vec<(String, Vec<String>)> {
    let kinds = outcomes.iter().flat_map(|outcome| &outcome.storms);
    let kinds: BTreeSet<_> = kinds.map(|storm| storm.kind.as_str()).collect();
    let row = |kind: &str| {
        let cell = |outcome: &Outcome| {
            let storm = outcome.storms.iter().find(|storm| storm.kind == kind);
            storm.map_or_else(|| "–".to_owned(), ToString::to_string)
        };
        (kind.to_owned(), outcomes.iter().map(cell).collect())
    };
    kinds.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_column_and_a_module_a_row() {
        let mut old = Outcome::new("1.8.7");
        old.read("promises", "test stop_is_final::one ... ok");
        let mut new = Outcome::new("1.22.0");
        new.read("promises", "test stop_is_final::one ... FAILED");
        new.read("command", "test kv::one ... ok");
        let text = tables(&[old, new]);
        assert!(
            text.contains("| promise | 1.8.7 | 1.22.0 |\n|---|---|---|\n"),
            "{text}"
        );
        assert!(
            text.contains("| stop is final | 1 | **1 of 1 failed** |"),
            "{text}"
        );
        assert!(text.contains("| command | 0 | 1 |"), "{text}");
    }
}
