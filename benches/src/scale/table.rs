//! Turns rounds into tables of the report.

use crate::measure::MedianRange;
use crate::outcome::{Check, Figure, Measure, Side};

/// Returns one quantity over the rounds.
pub(crate) fn median_range<T>(rounds: &[T], of: impl Fn(&T) -> f64) -> MedianRange {
    MedianRange::of(&rounds.iter().map(of).collect::<Vec<_>>())
}

/// Returns one quantity of several cases or contenders.
pub(crate) fn measure<'a>(
    title: &str,
    unit: &str,
    figures: impl IntoIterator<Item = (&'a str, Side, MedianRange)>,
) -> Measure {
    let figures = figures
        .into_iter()
        .map(|(name, side, median_range)| Figure {
            name: name.to_owned(),
            side,
            median_range,
        });
    Measure {
        title: title.to_owned(),
        unit: unit.to_owned(),
        figures: figures.collect(),
    }
}

/// Returns a check whose result is a count.
pub(crate) fn counted(
    what: impl Into<String>,
    target: impl Into<String>,
    result: impl Into<String>,
    met: bool,
) -> Check {
    Check {
        what: what.into(),
        target: target.into(),
        result: result.into(),
        met: Some(met),
    }
}
