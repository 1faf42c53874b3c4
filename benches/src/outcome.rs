//! What a row found.

use serde::{Deserialize, Serialize};

use crate::measure::MedianRange;

/// What a row found; kept as JSON, so that a report can be written without measuring all of it again.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// One table and one chart each.
    pub measures: Vec<Measure>,
    /// The targets and what was found.
    pub checks: Vec<Check>,
    /// Who was not measured, and why: `name: reason`.
    pub missing: Vec<String>,
    /// What else a reader should know, each a paragraph of Markdown.
    pub notes: Vec<String>,
    /// Who took part, by name and version.
    pub versions: Vec<String>,
}

/// One quantity, for everyone who was measured. Less is better.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measure {
    /// What it is.
    pub title: String,
    /// The unit of its figures.
    pub unit: String,
    /// One each.
    pub figures: Vec<Figure>,
}

/// What was measured of one contender.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figure {
    /// The contender, or the case.
    pub name: String,
    /// How it is drawn.
    pub side: Side,
    /// The median and the spread over the rounds.
    pub median_range: MedianRange,
}

/// Whose figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// consul-watch.
    Ours,
    /// What no client can be quicker than.
    Floor,
    /// Another client.
    Peer,
}

/// A target and what was found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Check {
    /// What is compared.
    pub what: String,
    /// Such as `≤ 1.05 × the bare loop`.
    pub target: String,
    /// Such as `1.02 × (1.01..1.04)`.
    pub result: String,
    /// `None` where it could not be measured.
    pub met: Option<bool>,
}

impl Check {
    /// A number that must not be above a limit, shown with this unit.
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

    /// A target that could not be compared with anything.
    pub fn not_measured(what: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            target: target.into(),
            result: "not measured".to_owned(),
            met: None,
        }
    }
}
