//! One row of the report: a piece of work, measured for ours and for whoever else can do it.
//!
//! To add one: a file in `scenarios/` with a `pub const SCENARIO: Scenario`, and its name in `scenarios::ALL`. `run` starts what it
//! needs (usually a `TestAgent` of its own), measures, and returns an [`Outcome`]: *measures*, each a table
//! and a chart with one figure a contender, and *checks*, each a target with what was found. Whoever is
//! measured by process runs as a child: `config.contender(…)` starts this program again with `run-one`
//! (`peers/mod.rs` tells how such a child talks), and `scale::ChildProcess` does so for thousands of watches at once.
//! With `config.quick` take small numbers. What could not be measured is a line in `Outcome::missing`, and an
//! `Err` leaves the row's last record as it is.

use crate::config::Config;
use crate::outcome::Outcome;
use crate::scenarios;

/// A row of the report.
pub struct Scenario {
    /// Its name on the command line and of its files, in small letters and dashes.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// How it is measured, for the report: one paragraph of Markdown.
    pub method: &'static str,
    /// Measures it.
    pub run: fn(&Config) -> Result<Outcome, String>,
}

/// The row of this name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    scenarios::ALL.iter().find(|scenario| scenario.name == name)
}
