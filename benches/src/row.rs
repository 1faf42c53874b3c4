//! One row of the report: a piece of work, measured for ours and for whoever else can do it.
//!
//! To add one: a file in `rows/` with a `pub const ROW: Row`, and its name in `rows::ALL`. `run` starts what it
//! needs (usually a `TestAgent` of its own), measures, and returns an [`Outcome`]: *measures*, each a table
//! and a chart with one figure a contender, and *checks*, each a target with what was found. Whoever is
//! measured by process runs as a child: `setting.contender(…)` starts this program again with `run-one`
//! (`peers/mod.rs` tells how such a child talks), and `scale::Crew` does so for thousands of watches at once.
//! With `setting.quick` take small numbers. What could not be measured is a line in `Outcome::missing`, and an
//! `Err` leaves the row's last record as it is.

use crate::outcome::Outcome;
use crate::rows;
use crate::setting::Setting;

/// A row of the report.
pub struct Row {
    /// Its name on the command line and of its files, in small letters and dashes.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// How it is measured, for the report: one paragraph of Markdown.
    pub method: &'static str,
    /// Measures it.
    pub run: fn(&Setting) -> Result<Outcome, String>,
}

/// The row of this name.
pub fn find(name: &str) -> Option<&'static Row> {
    rows::ALL.iter().find(|row| row.name == name)
}
