//! Parsers for the values of options.

use std::time::Duration;

use consul_watch::client::{parse_duration, parse_size};

/// Parses a duration in Go's notation.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .ok_or_else(|| "it is not a duration; write 500ms, 30s, 5m or 1h30m".to_owned())
}

/// Parses a boolean in the spellings of Go's flags.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    go_boolean(text).ok_or_else(|| "it is not a boolean; write true or false".to_owned())
}

/// Parses an index of Consul.
pub(super) fn index(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "it is not an index; write a whole number, such as 42".to_owned())
}

/// Parses a size in bytes.
pub(super) fn size(text: &str) -> Result<usize, String> {
    parse_size(text)
        .ok_or_else(|| "it is not a size; write 64MiB, 1GB, or a number of bytes".to_owned())
}

/// Returns the boolean of one of the spellings that Go's flags accept.
pub(super) fn go_boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
