//! Durations and times in Consul's notation.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::shape::Shaped;
use crate::client::parse_duration;

/// A duration in Go's notation (`10s`, `1h30m0s`), which keeps the text that was sent.
///
/// ```
/// use std::time::Duration;
/// use consul_watch::model::GoDuration;
///
/// let interval = GoDuration::from(Duration::from_secs(90));
/// assert_eq!(interval.to_string(), "1m30s");
/// assert_eq!(interval.duration(), Some(Duration::from_secs(90)));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct GoDuration(Written);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Written {
    Text(Box<str>),
    Nanoseconds(i64),
}

impl Default for Written {
    fn default() -> Self {
        Self::Text(Box::default())
    }
}

impl GoDuration {
    /// Returns the duration; `None` if the text is empty, negative or not in this notation.
    pub fn duration(&self) -> Option<Duration> {
        match &self.0 {
            Written::Text(text) => parse_duration(text),
            Written::Nanoseconds(count) => u64::try_from(*count).ok().map(Duration::from_nanos),
        }
    }
}

impl Shaped for GoDuration {}
impl Shaped for Timestamp {}

impl From<Duration> for GoDuration {
    fn from(duration: Duration) -> Self {
        Self(Written::Text(go(duration).into()))
    }
}

impl From<&str> for GoDuration {
    fn from(text: &str) -> Self {
        Self(Written::Text(text.into()))
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0, self.duration()) {
            (Written::Text(text), _) => f.pad(text),
            (Written::Nanoseconds(_), Some(duration)) => f.pad(&go(duration)),
            (Written::Nanoseconds(count), None) => write!(f, "{count}ns"),
        }
    }
}

impl fmt::Debug for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Written::Text(text) => serializer.serialize_str(text),
            Written::Nanoseconds(count) => serializer.serialize_i64(*count),
        }
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl de::Visitor<'_> for Either {
            type Value = GoDuration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration as `10s`, or a number of nanoseconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<GoDuration, E> {
                Ok(text.into())
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<GoDuration, E> {
                Ok(GoDuration(Written::Nanoseconds(count)))
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<GoDuration, E> {
                i64::try_from(count)
                    .map_err(E::custom)
                    .and_then(|count| self.visit_i64(count))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Formats a duration like Go's `Duration.String`: `1h30m0s`, `1.5s`, `250ms`, `0s`.
fn go(duration: Duration) -> String {
    let nanos = duration.subsec_nanos();
    let seconds = duration.as_secs();
    if seconds == 0 {
        return match nanos {
            0 => "0s".to_owned(),
            1..1_000 => format!("{nanos}ns"),
            1_000..1_000_000 => {
                format!("{}µs", decimal(u64::from(nanos / 1_000), nanos % 1_000, 3))
            }
            _ => format!(
                "{}ms",
                decimal(u64::from(nanos / 1_000_000), nanos % 1_000_000, 6)
            ),
        };
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(seconds % 60, nanos, 9);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

fn decimal(whole: u64, fraction: u32, digits: usize) -> String {
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{whole}.{fraction:0digits$}")
        .trim_end_matches('0')
        .to_owned()
}

/// A time in the notation of RFC 3339 (`2026-11-22T20:20:30Z`), which keeps the text that was sent.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use consul_watch::model::Timestamp;
///
/// let time = Timestamp::from("1970-01-02T00:00:00.5+01:00");
/// let expected = SystemTime::UNIX_EPOCH + Duration::from_millis(23 * 3_600_000 + 500);
/// assert_eq!(time.system_time(), Some(expected));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(Box<str>);

impl Timestamp {
    /// Returns the time; `None` if the text is not in this notation.
    pub fn system_time(&self) -> Option<SystemTime> {
        let (seconds, nanos) = seconds_and_nanos(&self.0)?;
        let since = Duration::from_secs(seconds.unsigned_abs());
        let whole = if seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(since)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(since)
        };
        whole?.checked_add(Duration::from_nanos(nanos))
    }

    /// Returns the text that was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Timestamp {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Parses a time into seconds since 1970, which may be negative, and nanoseconds.
fn seconds_and_nanos(text: &str) -> Option<(i64, u64)> {
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month)
        || day == 0
        || day > days_in(year, month)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let (nanos, zone) = fraction(rest)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds - offset(zone)?, nanos))
}

fn numbers<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, length) in found.iter_mut().zip(lengths) {
        let part = parts.next()?;
        if part.len() != length || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// Parses the nanoseconds of `.123…`, if present, and returns the rest; further digits are dropped.
fn fraction(text: &str) -> Option<(u64, &str)> {
    let Some(digits) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let (digits, zone) = digits.split_at(end);
    let kept: String = digits.chars().chain("000000000".chars()).take(9).collect();
    (!digits.is_empty()).then_some(())?;
    Some((kept.parse().ok()?, zone))
}

fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, zone) = zone.split_at_checked(1)?;
    let [hours, minutes] = numbers(zone, ':', [2, 2])?;
    let seconds = hours * 3_600 + minutes * 60;
    match sign {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts days in years that begin in March, so that the leap day is the last day.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let before = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * before + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unix(text: &str) -> Option<i64> {
        seconds_and_nanos(text).map(|(seconds, _)| seconds)
    }

    #[test]
    fn times_are_read() {
        assert_eq!(unix("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(unix("1969-12-31T23:59:59Z"), Some(-1));
        assert_eq!(unix("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(unix("2026-11-22T20:20:30Z"), Some(1_795_378_830));
        assert_eq!(unix("2026-11-22T22:20:30+02:00"), Some(1_795_378_830));
        assert_eq!(
            seconds_and_nanos("1970-01-01T00:00:00.0123456789Z"),
            Some((0, 12_345_678))
        );
        // Go's text for the zero time.
        assert!(
            Timestamp::from("0001-01-01T00:00:00Z")
                .system_time()
                .is_some()
        );
    }

    #[test]
    fn a_text_that_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T20:20:30",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T20:20:30.Z",
            "2026-11-22T20:20:30+2:00",
            "2026-11-22 20:20:30Z",
            "é026-11-22T20:20:30Z",
            "2026-11-22T20:20:+1Z",
        ] {
            assert_eq!(Timestamp::from(text).system_time(), None, "{text:?}");
        }
    }

    #[test]
    fn durations_are_written_as_go_does() {
        let cases: [(u64, &str); 9] = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (250_000_000, "250ms"),
            (1_000_000_000, "1s"),
            (1_050_000_000, "1.05s"),
            (60_000_000_000, "1m0s"),
            (5_400_000_000_000, "1h30m0s"),
            (3_600_000_000_000, "1h0m0s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(go(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn a_duration_is_written_as_it_was_read() {
        for text in [
            r#""10s""#,
            r#""""#,
            r#""1h""#,
            r#""fortnight""#,
            "10000000000",
            "-1",
        ] {
            let duration: GoDuration = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&duration).unwrap(), text);
        }
        let number: GoDuration = serde_json::from_str("90000000000").unwrap();
        assert_eq!(
            (number.to_string().as_str(), number.duration()),
            ("1m30s", Some(Duration::from_secs(90)))
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(nanos: u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(GoDuration::from(duration).duration(), Some(duration));
        }

        #[test]
        fn days_follow_each_other(year in 1i64..9999, month in 1i64..13) {
            let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            prop_assert_eq!(
                days_since_1970(year, month, 1) + days_in(year, month),
                days_since_1970(next.0, next.1, 1)
            );
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}|[0-9TZ:.+-]{0,32}") {
            let _ = Timestamp::from(text.as_str()).system_time();
        }
    }
}
