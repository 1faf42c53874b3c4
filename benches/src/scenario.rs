//! A scenario of the report: a piece of work, measured for consul-watch and for every peer that can do it.
//!
//! To add one, write a file in `scenarios/` with a `pub const SCENARIO: Scenario`, and list it in `scenarios::ALL`. `run`
//! starts what it needs (usually its own `TestAgent`), measures, and returns an [`Outcome`]: *measures*, each a table and
//! a chart with one figure per contender, and *checks*, each a target with its result. A contender that is measured by
//! process runs as a child process: `config.contender(…)` starts this program again with `run-one` (`peers/mod.rs`
//! describes the protocol), and `scale::ChildProcess` does so for thousands of watches at once. With `config.quick`, use
//! small numbers. A contender that could not be measured is a line in `Outcome::missing`. An `Err` keeps the last record.

use crate::config::Config;
use crate::outcome::Outcome;
use crate::scenarios;

/// A scenario of the report.
pub struct Scenario {
    /// Its name on the command line and in file names: lower case and dashes.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// The method, for the report: one paragraph of Markdown.
    pub method: &'static str,
    /// Measures it.
    pub run: fn(&Config) -> Result<Outcome, String>,
}

/// Finds a scenario by name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    scenarios::ALL.iter().find(|scenario| scenario.name == name)
}
