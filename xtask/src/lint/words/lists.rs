//! The lists of refused phrases and names, and of what is allowed all the same.
//!
//! A line is `refused | instead`; the form of an exception is `path | phrase or name`. Lines that begin with `#` are
//! comments.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::super::finding::Finding;
use super::super::source;
use super::prose::Block;

/// All three lists.
pub(crate) struct Lists {
    /// Phrases in lower case by their first word, with what to write instead.
    phrases: BTreeMap<String, Vec<(Vec<String>, String)>>,
    names: BTreeMap<String, String>,
    allowed: Vec<(String, String)>,
}

impl Lists {
    /// Reads the lists that the program was built with.
    pub(crate) fn read() -> Result<Self, String> {
        Self::parse(
            include_str!("phrases.txt"),
            include_str!("names.txt"),
            include_str!("allowed.txt"),
        )
    }

    pub(crate) fn parse(phrases: &str, names: &str, allowed: &str) -> Result<Self, String> {
        let mut by_first: BTreeMap<String, Vec<(Vec<String>, String)>> = BTreeMap::new();
        for (alternatives, instead) in entries(phrases, "phrases.txt")? {
            for phrase in alternatives.split(',') {
                let words: Vec<String> = phrase.split_whitespace().map(str::to_owned).collect();
                let first = words
                    .first()
                    .cloned()
                    .ok_or("phrases.txt: an empty phrase")?;
                by_first
                    .entry(first)
                    .or_default()
                    .push((words, instead.clone()));
            }
        }
        let mut all_names = BTreeMap::new();
        for (alternatives, instead) in entries(names, "names.txt")? {
            for name in alternatives.split(',') {
                all_names.insert(name.trim().to_owned(), instead.clone());
            }
        }
        Ok(Self {
            phrases: by_first,
            names: all_names,
            allowed: entries(allowed, "allowed.txt")?,
        })
    }

    /// Checks a block of prose for phrases.
    pub(crate) fn check_prose(&self, path: &Path, block: &Block) -> Vec<Finding> {
        let lower: Vec<String> = block.iter().map(|word| word.text.to_lowercase()).collect();
        let mut findings = Vec::new();
        for (at, first) in lower.iter().enumerate() {
            for (words, instead) in self.phrases.get(first).into_iter().flatten() {
                if lower[at..].starts_with(words) {
                    findings.push(refused(path, block[at].line, &words.join(" "), instead));
                }
            }
        }
        findings
    }

    /// Checks a range of code for replaced names.
    pub(crate) fn check_names(&self, path: &Path, text: &str, range: Range<usize>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut at = range.start;
        for word in text[range].split(|c: char| !(c.is_alphanumeric() || c == '_')) {
            if let Some(instead) = self.names.get(word) {
                findings.push(refused(path, source::line_of(text, at), word, instead));
            }
            at += word.len();
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
        findings
    }

    /// Checks the code spans in a range of prose for replaced names.
    pub(crate) fn check_spans(&self, path: &Path, text: &str, range: Range<usize>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut at = range.start;
        for (index, part) in text[range].split('`').enumerate() {
            if index % 2 == 1 {
                findings.extend(self.check_names(path, text, at..at + part.len()));
            }
            at += part.len() + 1;
        }
        findings
    }

    /// Checks the names of a file and its folders.
    pub(crate) fn check_path(&self, path: &Path) -> Vec<Finding> {
        let whole = path.with_extension("");
        whole
            .iter()
            .map(|part| format!("{}/", part.to_string_lossy()))
            .filter_map(|part| {
                let instead = self.names.get(&part)?;
                Some(refused(path, 1, &part, instead))
            })
            .collect()
    }

    /// Whether a finding is one of the exceptions.
    pub(crate) fn allows(&self, finding: &Finding) -> bool {
        self.allowed.iter().any(|(path, refused)| {
            finding.path == Path::new(path) && finding.what.starts_with(&format!("“{refused}”"))
        })
    }
}

fn refused(path: &Path, line: usize, refused: &str, instead: &str) -> Finding {
    Finding::new(path, line, format!("“{refused}”: write {instead}"))
}

fn entries(text: &str, list: &str) -> Result<Vec<(String, String)>, String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let (refused, instead) = line
                .split_once('|')
                .ok_or_else(|| format!("{list}:{}: no `|`", index + 1))?;
            Ok((refused.trim().to_owned(), instead.trim().to_owned()))
        })
        .collect()
}
