//! Tables of `docs/parity.md`, which tests measure.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

/// One row: the case, and the reason where both differ.
#[derive(Debug)]
pub struct ParityRow<'a> {
    /// The case, as a cell of the table.
    pub tried: String,
    /// Whether both did the same; `None` if this release cannot show it.
    pub same: Option<bool>,
    /// The reason of a difference on purpose: the cell in place of `same`.
    pub why: Option<&'a str>,
    /// The results of both, for the message of a failure.
    pub seen: String,
}

/// The document: tests of one program run at once.
static DOCUMENT: Mutex<()> = Mutex::new(());

/// Checks that a table of `docs/parity.md` has these rows, and that no row is same or different without the table
/// saying so. With `UPDATE_PARITY` in the environment, it writes the table first.
///
/// # Panics
///
/// When a row is different without a reason, or same with one, or the document has another table.
pub fn assert_parity(section: &str, head: &str, rows: &[ParityRow<'_>]) {
    let mut table = format!("{head}\n");
    let mut wrong = Vec::new();
    for row in rows {
        let cell = row.why.unwrap_or("same");
        let _ = writeln!(table, "| {} | {cell} |", row.tried);
        if row.same.is_some_and(|same| same != row.why.is_none()) {
            let found = if row.same == Some(true) {
                "same, but the table says why not"
            } else {
                "different"
            };
            wrong.push(format!("{}: {found}:\n{}", row.tried, row.seen));
        }
    }
    assert!(wrong.is_empty(), "{section}:\n{}", wrong.join("\n"));
    let _held = DOCUMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let file = document();
    let text =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (begin, end) = (
        format!("<!-- {section}: made by a test -->\n\n"),
        format!("\n<!-- end of {section} -->\n"),
    );
    let from = text.find(&begin).map(|at| at + begin.len());
    let to = text.find(&end);
    let (Some(from), Some(to)) = (from, to) else {
        panic!("docs/parity.md has no lines {begin:?} and {end:?}");
    };
    if env::var_os("UPDATE_PARITY").is_some() {
        let updated = [&text[..from], &table, &text[to..]].concat();
        let written = fs::write(&file, updated);
        written.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        return;
    }
    assert_eq!(
        &text[from..to],
        table,
        "docs/parity.md is out of date at {section}: run this test with `UPDATE_PARITY=1`"
    );
}

/// Returns the note of a row that earlier releases cannot show.
pub fn parity_since(since: (u32, u32)) -> &'static str {
    if since > (1, 8) {
        " (compared with 1.16 and later)"
    } else {
        ""
    }
}

/// Escapes what ends a cell of a table.
pub fn parity_cell(text: &str) -> String {
    let mut cell = text.to_owned();
    for (character, shown) in [
        ('|', "\\|"),
        ('\n', "⏎"),
        ('\t', "⇥"),
        ('\r', "␍"),
        ('`', "'"),
    ] {
        cell = cell.replace(character, shown);
    }
    format!("`{cell}`")
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/parity.md")
}
