//! The pause that a server asks for by `Retry-After`
//! (<https://httpwg.org/specs/rfc9110.html#field.retry-after>), bounded.

use std::time::{Duration, SystemTime};

use awc::http::header::{self, HeaderMap};

/// The longest pause that is granted, whatever a server asks for: 10 min (ours).
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// Returns the pause that `Retry-After` asks for, in seconds or as a date: at most 10 minutes.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    pause(
        headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim(),
        SystemTime::now(),
    )
}

fn pause(text: &str, now: SystemTime) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let pause = if is_number {
        // A number that is too large to be one is a very long pause.
        text.parse().map_or(Duration::MAX, Duration::from_secs)
    } else {
        // A date that has passed asks for no pause.
        httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default()
    };
    Some(pause.min(MAX_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_granted_within_bounds() {
        let now = httpdate::parse_http_date("Fri, 31 Dec 1999 23:59:50 GMT").unwrap();
        assert_eq!(pause("7", now), Some(Duration::from_secs(7)));
        assert_eq!(
            pause("Fri, 31 Dec 1999 23:59:59 GMT", now),
            Some(Duration::from_secs(9))
        );
        assert_eq!(
            pause("Fri, 31 Dec 1999 23:59:49 GMT", now),
            Some(Duration::ZERO)
        );
        for long in [
            "601",
            "99999999999",
            "99999999999999999999999999999999999999",
            "Thu, 31 Dec 2099 23:59:49 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(pause(long, now), Some(MAX_PAUSE), "{long}");
        }
        for none in ["soon", "-1", "+7", "1.5", ""] {
            assert_eq!(pause(none, now), None, "{none:?}");
        }
    }
}
