//! Heads of files and items: a statement about a thing, neither a question nor a relative clause.

use std::path::Path;

use super::super::finding::Finding;
use super::super::source::{self, Kind};

/// Words that make a head a question or a relative clause.
const REFUSED: [&str; 12] = [
    "what", "what's", "whatever", "who", "who's", "whom", "whose", "whoever", "how", "why", "that",
    "that's",
];

/// Checks the head of a Rust file, and the first line of each item's documentation.
pub(crate) fn rust(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut before: Option<Kind> = None;
    for piece in source::pieces(text) {
        let content = &text[piece.range.clone()];
        match piece.kind {
            Kind::ModuleDoc | Kind::ItemDoc if before != Some(piece.kind) => {
                let head = content.trim_start_matches(['/', '!', '*']).trim();
                let line = source::line_of(text, piece.range.start);
                let of = if piece.kind == Kind::ModuleDoc {
                    "the head of a file or module"
                } else {
                    "a doc comment"
                };
                findings.extend(refused(head, of).map(|what| Finding::new(path, line, what)));
            }
            _ => {}
        }
        if piece.kind != Kind::Code || !content.trim().is_empty() {
            before = Some(piece.kind);
        }
    }
    findings
}

/// Checks the headings of a Markdown file.
pub(crate) fn markdown(path: &Path, text: &str) -> Vec<Finding> {
    let mut fenced = false;
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && line.starts_with('#') {
            let head = line.trim_start_matches('#').trim();
            findings
                .extend(refused(head, "a heading").map(|what| Finding::new(path, index + 1, what)));
        }
    }
    findings
}

fn refused(head: &str, of: &str) -> Option<String> {
    let first = head.split([' ', ',', ':']).next().unwrap_or("");
    if REFUSED.contains(&first.to_lowercase().as_str()) {
        return Some(format!(
            "{of} begins with “{first}”: begin with a noun, or a verb in the third person"
        ));
    }
    head.ends_with('?')
        .then(|| format!("{of} is a question: state what is there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn refuses_questions_and_relative_clauses() {
        let text = "//! What runs.\n//! Why not: second lines are free.\n\n/// Who asks.\n/// How so.\nfn f() {}\n/// Returns it.\nfn g() {}\n/// Is it there?\nfn h() {}\n// What this is, a comment may say.\n";
        assert_eq!(lines(&rust(Path::new("a.rs"), text)), [1, 4, 9]);
    }

    #[test]
    fn refuses_headings() {
        let text = "# What it is\n## Names\n```sh\n# How\n```\n## That?\n### Is it?\n";
        assert_eq!(lines(&markdown(Path::new("a.md"), text)), [1, 6, 7]);
    }
}
