//! Durations in Consul's notation, which is Go's: `1h30m`, `250ms`, `1.5s`.

use std::time::Duration;

/// Reads a duration in Go's notation, as Consul's configuration and API use it: a sequence of decimal
/// numbers each with its unit (`h`, `m`, `s`, `ms`, `us`, `µs`, `ns`), or a bare `0`.
///
/// Returns `None` for anything else, a negative duration and one that is too long included.
///
/// ```
/// use std::time::Duration;
/// use consul_watch::client::parse_duration;
///
/// assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
/// assert_eq!(parse_duration("90"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        total = total.checked_add(nanoseconds(number, unit_size(unit)?)?)?;
        rest = tail;
    }
    let seconds = u64::try_from(total / 1_000_000_000).ok()?;
    let nanos = u32::try_from(total % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, nanos))
}

/// Returns a duration in Go's notation, for people: `1h30m`, `1.5s`, `250ms`. Less than a microsecond is left out.
pub(crate) fn readable(duration: Duration) -> String {
    let fraction = |whole: u64, rest: u32, digits: usize| {
        let text = format!("{whole}.{rest:0digits$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let (seconds, micros) = (duration.as_secs(), duration.subsec_micros());
    if seconds == 0 && micros > 0 {
        return format!("{}ms", fraction(u64::from(micros / 1000), micros % 1000, 3));
    }
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    for (count, unit) in [(hours, 'h'), (minutes, 'm')] {
        if count > 0 {
            text = format!("{text}{count}{unit}");
        }
    }
    if rest > 0 || micros > 0 || text.is_empty() {
        text = format!("{text}{}s", fraction(rest, micros, 6));
    }
    text
}

/// Writes a duration as a query parameter: whole milliseconds, rounded up, since Consul reads `0ms` as its
/// default.
pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_nanos().div_ceil(1_000_000))
}

fn unit_size(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    })
}

/// Multiplies `number` by `unit` nanoseconds without a float; digits below a nanosecond are dropped.
fn nanoseconds(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse::<u64>().ok()?.into()
    };
    let mut total = whole.checked_mul(unit)?;
    let mut size = unit;
    for digit in fraction.chars() {
        size /= 10;
        total = total.checked_add(size * u128::from(digit.to_digit(10)?))?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_duration_is_readable_and_can_be_read_again() {
        for (duration, shown) in [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(1500), "1.5s"),
            (Duration::from_millis(250), "250ms"),
            (Duration::from_micros(1020), "1.02ms"),
            (Duration::from_secs(5400), "1h30m"),
            (Duration::from_secs(90), "1m30s"),
            (Duration::from_millis(60_001), "1m0.001s"),
        ] {
            assert_eq!(readable(duration), shown);
            assert_eq!(parse_duration(shown), Some(duration));
        }
    }

    #[test]
    fn reads_what_go_prints() {
        let cases = [
            ("0", 0),
            ("1ns", 1),
            ("1.5us", 1_500),
            ("2µs", 2_000),
            ("250ms", 250_000_000),
            (".5s", 500_000_000),
            ("10s", 10_000_000_000),
            ("1h30m5.25s", 5_405_250_000_000),
            ("+1m", 60_000_000_000),
        ];
        for (text, nanos) in cases {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_nanos(nanos)),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1 s",
            "1s ",
            "1d",
            "1..5s",
            ".s",
            "1e3s",
            "99999999999999999999h",
        ] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_parameter_is_never_rounded_to_zero() {
        assert_eq!(milliseconds(Duration::from_secs(300)), "300000ms");
        assert_eq!(milliseconds(Duration::from_nanos(1)), "1ms");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}|[0-9.hmsuµn+-]{0,40}") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn milliseconds_come_back(ms in 1_u64..10_000_000_000) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&milliseconds(duration)), Some(duration));
        }
    }
}
