//! Parsers for the values of options.

use std::time::Duration;

use consul_watch::client::parse_duration;

/// A duration in Go's notation.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "not a duration: write 500ms, 30s, 5m or 1h30m".to_owned())
}

/// A boolean in the spellings of Go's flags.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    go_boolean(text).ok_or_else(|| "neither true nor false".to_owned())
}

/// True and false in the spellings that Go's flags have.
pub(super) fn go_boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
