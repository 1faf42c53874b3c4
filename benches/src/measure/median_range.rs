//! A median with its range.

use serde::{Deserialize, Serialize};

/// The median of several rounds, with the lowest and the highest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MedianRange {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl MedianRange {
    /// Computes the range of these numbers; all zero if there are none.
    pub fn of(numbers: &[f64]) -> Self {
        let sorted = sorted(numbers);
        let at = |number: Option<&f64>| number.copied().unwrap_or_default();
        Self {
            median: percentile(numbers, 50.0),
            min: at(sorted.first()),
            max: at(sorted.last()),
        }
    }

    /// Computes the range of the quotients, round by round.
    pub fn of_ratios(numbers: &[f64], by: &[f64]) -> Self {
        let ratios: Vec<f64> = numbers
            .iter()
            .zip(by)
            .map(|(number, by)| number / by)
            .collect();
        Self::of(&ratios)
    }

    /// Formats it with a unit, and with the range if there is one.
    pub fn show(&self, unit: &str) -> String {
        let median = number(self.median);
        if self.min < self.max {
            format!(
                "{median} {unit} ({}..{})",
                number(self.min),
                number(self.max)
            )
        } else {
            format!("{median} {unit}")
        }
    }
}

/// Returns a percentile.
pub fn percentile(numbers: &[f64], percent: f64) -> f64 {
    let sorted = sorted(numbers);
    // The nearest rank: always a measured number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the length"
    )]
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.clamp(1, sorted.len().max(1)) - 1)
        .copied()
        .unwrap_or_default()
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Formats a number with three significant digits.
pub fn number(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        size if size < 1.0 => format!("{number:.3}"),
        size if size < 10.0 => format!("{number:.2}"),
        size if size < 100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numbers_that_were_measured() {
        let numbers: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(
            (percentile(&numbers, 50.0), percentile(&numbers, 99.0)),
            (100.0, 198.0)
        );
        assert_eq!(
            (percentile(&[7.0], 99.0), percentile(&[], 50.0)),
            (7.0, 0.0)
        );
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let median_range = MedianRange::of_ratios(&[2.0, 9.0, 40.0], &[1.0, 3.0, 10.0]);
        assert_eq!(
            (median_range.min, median_range.median, median_range.max),
            (2.0, 3.0, 4.0)
        );
        assert_eq!(median_range.show("×"), "3.00 × (2.00..4.00)");
    }
}
