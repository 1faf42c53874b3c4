//! The result of a scenario.

use serde::{Deserialize, Serialize};

use crate::measure::MedianRange;

/// The result of a scenario, kept as JSON so that a report can be written without measuring everything again.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The quantities, each with a table and a chart.
    pub measures: Vec<Measure>,
    /// The targets and their results.
    pub checks: Vec<Check>,
    /// The contenders that were not measured, as `name: reason`.
    pub missing: Vec<String>,
    /// Further remarks, each a paragraph of Markdown.
    pub notes: Vec<String>,
    /// The contenders, by name and version.
    pub versions: Vec<String>,
}

/// One quantity of all measured contenders. Less is better.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measure {
    /// The name of the quantity.
    pub title: String,
    /// The unit of its figures.
    pub unit: String,
    /// One figure per contender.
    pub figures: Vec<Figure>,
}

/// The measured quantity of one contender.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figure {
    /// The contender or the case.
    pub name: String,
    /// The side, which decides the colour.
    pub side: Side,
    /// The median and the range over the rounds.
    pub median_range: MedianRange,
}

/// The side that a figure belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// consul-watch.
    Ours,
    /// The lower bound for any client.
    Floor,
    /// Another client.
    Peer,
}

/// A target and its result.
#[derive(Debug, Serialize, Deserialize)]
pub struct Check {
    /// The compared quantity.
    pub what: String,
    /// The target, such as `≤ 1.05 × the bare loop`.
    pub target: String,
    /// The result, such as `1.02 × (1.01..1.04)`.
    pub result: String,
    /// Whether the target is met; `None` if it could not be measured.
    pub met: Option<bool>,
}

impl Check {
    /// A number that must not exceed a limit, printed with this unit.
    pub fn at_most(
        what: impl Into<String>,
        target: impl Into<String>,
        limit: f64,
        found: &MedianRange,
        unit: &str,
    ) -> Self {
        Self {
            what: what.into(),
            target: target.into(),
            result: found.show(unit),
            met: Some(found.median <= limit),
        }
    }

    /// A target that could not be measured.
    pub fn not_measured(what: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            target: target.into(),
            result: "not measured".to_owned(),
            met: None,
        }
    }
}
