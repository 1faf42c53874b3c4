//! The last result of each scenario, kept as JSON beside the report, so that one can be measured without the others.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::outcome::Outcome;

/// The last result of a scenario.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// The day, such as `2026-01-31`.
    pub date: String,
    /// Whether the numbers were too small to mean anything.
    pub quick: bool,
    pub machine: Machine,
    pub outcome: Outcome,
}

/// The folder of the report's plots and records.
pub fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks"))
}

/// Reads the last result of a scenario, if there is one.
pub fn read(scenario: &str) -> Result<Option<Record>, String> {
    let name = format!("{scenario}.json");
    match fs::read_to_string(directory().join(&name)) {
        Ok(text) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| format!("{name}: {error}")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// Writes the result of a scenario.
pub fn write(scenario: &str, record: &Record) -> Result<(), String> {
    let text = serde_json::to_string_pretty(record).map_err(|error| error.to_string())?;
    write_file(&format!("{scenario}.json"), &format!("{text}\n"))
}

/// Writes a file beside the records.
pub fn write_file(name: &str, text: &str) -> Result<(), String> {
    fs::create_dir_all(directory())
        .and_then(|()| fs::write(directory().join(name), text))
        .map_err(|error| format!("{name}: {error}"))
}

/// Today's date in UTC.
pub fn today() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    day(seconds / 86_400)
}

/// The date `days` after 1970-01-01.
fn day(mut days: u64) -> String {
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        let dates = [0, 59, 364, 11_016, 19_782, 20_088].map(day);
        let expected = [
            "1970-01-01",
            "1970-03-01",
            "1970-12-31",
            "2000-02-29",
            "2024-02-29",
            "2024-12-31",
        ];
        assert_eq!(dates, expected);
    }
}
