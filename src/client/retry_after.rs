//! How long a server asks to be left alone.

use std::time::{Duration, SystemTime};

use awc::http::header::{self, HeaderMap};

/// The longest pause that a `Retry-After` is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The pause that `Retry-After` asks for, in seconds or as a date; at most ten minutes.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    pause(
        headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim(),
        SystemTime::now(),
    )
}

fn pause(text: &str, now: SystemTime) -> Option<Duration> {
    let pause = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        // A date that has passed asks for no pause.
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_believed_within_reason() {
        let now = httpdate::parse_http_date("Fri, 31 Dec 1999 23:59:50 GMT").unwrap();
        assert_eq!(pause("7", now), Some(Duration::from_secs(7)));
        assert_eq!(pause("99999999999", now), Some(LONGEST_PAUSE));
        assert_eq!(
            pause("Fri, 31 Dec 1999 23:59:59 GMT", now),
            Some(Duration::from_secs(9))
        );
        assert_eq!(
            pause("Fri, 31 Dec 1999 23:59:49 GMT", now),
            Some(Duration::ZERO)
        );
        assert_eq!(
            pause("Thu, 31 Dec 2099 23:59:49 GMT", now),
            Some(LONGEST_PAUSE)
        );
        assert_eq!(pause("soon", now), None);
        assert_eq!(pause("-1", now), None);
    }
}
