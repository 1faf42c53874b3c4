//! Entries that the token may no longer read: their texts in log lines, and the wait while there are any.

use std::time::{Duration, SystemTime};

use crate::text::escaped;

/// The number of entries that a log line names.
const MAX_SHOWN: usize = 5;

/// The greatest length of a name in a log line, in characters.
const MAX_NAME: usize = 200;

/// The shortest and the longest wait of a query while entries are hidden: restored rights wake no query.
const MIN_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Returns the wait of the next query while entries are hidden: it grows with the time since the latest was hidden,
/// from [`MIN_WAIT`] to [`MAX_WAIT`], and is never longer than `wait`. It is [`MAX_WAIT`] while the value is `unproven`,
/// so that all of it may be hidden, and `None` otherwise.
pub(super) fn wait_while_hidden(
    hidden: impl Iterator<Item = Option<SystemTime>>,
    unproven: bool,
    wait: Duration,
) -> Option<Duration> {
    let Some(latest) = hidden.flatten().max() else {
        return unproven.then(|| MAX_WAIT.min(wait));
    };
    let age = latest.elapsed().unwrap_or_default();
    Some((age / 4).clamp(MIN_WAIT, MAX_WAIT).min(wait))
}

/// Returns the first of these names, separated by commas.
pub(super) fn shown(names: &[&str]) -> String {
    let some = names.iter().take(MAX_SHOWN);
    let some: Vec<_> = some.map(|name| escaped(name, MAX_NAME)).collect();
    let mut text = some.join(", ");
    if names.len() > MAX_SHOWN {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_with_the_time_that_entries_are_hidden() {
        let wait = Duration::from_secs(300);
        let after = |since: Option<SystemTime>, wait| {
            wait_while_hidden([None, since, None].into_iter(), false, wait)
        };
        let ago = |seconds| Some(SystemTime::now() - Duration::from_secs(seconds));
        assert_eq!(after(None, wait), None);
        assert_eq!(after(ago(0), wait), Some(MIN_WAIT));
        let later = after(ago(40), wait).unwrap();
        assert!(later >= Duration::from_secs(10) && later < Duration::from_secs(20));
        assert_eq!(after(ago(3600), wait), Some(MAX_WAIT));
        let short = Duration::from_millis(300);
        assert_eq!(after(ago(3600), short), Some(short));
        let unproven = |wait| wait_while_hidden([None].into_iter(), true, wait);
        assert_eq!(unproven(wait), Some(MAX_WAIT));
        assert_eq!(unproven(short), Some(short));
        let ahead = SystemTime::now() + Duration::from_secs(3600);
        assert_eq!(after(Some(ahead), wait), Some(MIN_WAIT));
    }

    #[test]
    fn a_log_line_names_a_few() {
        assert_eq!(shown(&["a", "b"]), "a, b");
        assert_eq!(shown(&["a"; 6]), "a, a, a, a, a, …");
        assert_eq!(shown(&["a\n\u{1b}b"]), "a\\n\\u{1b}b");
        assert!(shown(&[&"a".repeat(1000)]).len() < 300);
    }
}
