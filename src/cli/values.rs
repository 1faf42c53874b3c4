//! Parsers for the values of options.

use std::{ffi::OsStr, time::Duration};

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use consul_watch::client::{parse_duration, parse_size};

/// A text for which completion offers these. Any other is left to the checks of the watch, which name the nearest one.
#[derive(Clone)]
pub(super) struct Suggested(pub(super) &'static [&'static str]);

impl TypedValueParser for Suggested {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

/// Parses a duration in Go's notation.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .ok_or_else(|| "it is not a duration; write 500ms, 30s, 5m or 1h30m".to_owned())
}

/// Parses a boolean in the spellings of Go's flags.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    go_boolean(text).ok_or_else(|| "it is not a boolean; write true or false".to_owned())
}

/// Parses a whole number as Go's flags do: `0x2a`, `0o52`, `0b101010` and `052` are 42, too.
pub(super) fn unsigned(text: &str) -> Result<u64, String> {
    let lower = text.to_lowercase();
    let (radix, digits) = match (lower.get(..2), lower.strip_prefix('0')) {
        (Some("0x"), _) => (16, &lower[2..]),
        (Some("0o"), _) => (8, &lower[2..]),
        (Some("0b"), _) => (2, &lower[2..]),
        (_, Some(rest)) if !rest.is_empty() => (8, rest),
        _ => (10, &*lower),
    };
    let number = u64::from_str_radix(digits, radix).ok();
    number.filter(|_| !digits.starts_with('+')).ok_or_else(|| {
        "it is not a whole number of at least 0; write a number such as 42".to_owned()
    })
}

/// Parses a size in bytes.
pub(super) fn size(text: &str) -> Result<usize, String> {
    const FORMS: &str = "write 64MiB, 1GB, or a number of bytes";
    // Without the zeros it is no size at all, and with a one before them it is one.
    let is_zero =
        text.trim().starts_with('0') && parse_size(&format!("1{}", text.trim())).is_some();
    parse_size(text).ok_or_else(|| {
        if is_zero {
            format!("it must be more than zero; {FORMS}")
        } else {
            format!("it is not a size; {FORMS}")
        }
    })
}

/// Returns the boolean of one of the spellings that Go's flags accept.
pub(super) fn go_boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_of_zero_is_a_size() {
        for text in ["0", "0MiB", " 00 kB "] {
            let error = size(text).unwrap_err();
            assert!(error.contains("more than zero"), "{text}: {error}");
        }
        for text in ["much", "0x", "-0", ""] {
            let error = size(text).unwrap_err();
            assert!(error.contains("not a size"), "{text}: {error}");
        }
        assert_eq!(size("05"), Ok(5));
    }

    #[test]
    fn numbers_are_those_of_gos_flags() {
        for text in ["42", "0x2a", "0X2A", "0o52", "0b101010", "052"] {
            assert_eq!(unsigned(text), Ok(42), "{text}");
        }
        assert_eq!(unsigned("0"), Ok(0));
        assert_eq!(unsigned("18446744073709551615"), Ok(u64::MAX));
        for text in [
            "",
            "-1",
            "+1",
            "0x",
            "1.5",
            "x",
            "18446744073709551616",
            "0x+1",
        ] {
            assert!(unsigned(text).is_err(), "{text}");
        }
    }
}
