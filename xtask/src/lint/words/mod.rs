//! `cargo xtask lint words`: comments, documentation and messages use the field's words, and no name is one that the
//! project has replaced.
//!
//! `phrases.txt` lists what is refused in prose, `names.txt` the replaced identifiers and file names, and `allowed.txt`
//! the exceptions. Prose is comments, Markdown outside of code, and string literals with a space in them. Code spans
//! and fenced blocks are no prose, but names are refused there too.

mod heads;
mod lists;
mod prose;

use std::path::Path;

use super::files::{self, TextFile};
use super::finding::Finding;
use super::source::{self, Kind};
use lists::Lists;

pub(crate) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let lists = Lists::read()?;
    let mut findings: Vec<Finding> = files::read(root, "", &["rs", "md"])?
        .iter()
        .flat_map(|file| check_file(&lists, file))
        .collect();
    findings.sort();
    findings.dedup();
    Ok(findings)
}

fn check_file(lists: &Lists, file: &TextFile) -> Vec<Finding> {
    let mut findings = lists.check_path(&file.path);
    let is_markdown = file
        .path
        .extension()
        .is_some_and(|extension| extension == "md");
    let blocks = if is_markdown {
        prose::markdown(&file.text)
    } else {
        prose::rust(&file.text)
    };
    for block in &blocks {
        findings.extend(lists.check_prose(&file.path, block));
    }
    findings.extend(if is_markdown {
        heads::markdown(&file.path, &file.text)
    } else {
        heads::rust(&file.path, &file.text)
    });
    findings.extend(check_names(lists, file, is_markdown));
    findings.retain(|finding| !lists.allows(finding));
    findings
}

/// Looks for replaced identifiers in code, and in the code spans of comments and Markdown.
fn check_names(lists: &Lists, file: &TextFile, is_markdown: bool) -> Vec<Finding> {
    let (path, text) = (&file.path, &file.text);
    if is_markdown {
        return lists.check_spans(path, text, 0..text.len());
    }
    source::pieces(text)
        .into_iter()
        .flat_map(|piece| match piece.kind {
            Kind::Code => lists.check_names(path, text, piece.range),
            // A literal may hold anything.
            Kind::Text => Vec::new(),
            _ => lists.check_spans(path, text, piece.range),
        })
        .collect()
}

#[cfg(test)]
mod tests;
