//! The debounce of updates.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::backoff::EFFECTIVELY_FOREVER;

/// The debounce of a subscription's updates: a quiet period and a longest wait.
///
/// A change is delivered when no other has come for the quiet period, and no later than the longest wait after the
/// first change that is held back. The changes in between are coalesced. The first value of a subscription never
/// waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiescence {
    period: Duration,
    longest: Duration,
}

impl Quiescence {
    /// Sets the quiet period; the longest wait is four times as long.
    pub fn new(period: Duration) -> Self {
        let period = period.min(EFFECTIVELY_FOREVER);
        Self {
            period,
            longest: period.saturating_mul(4),
        }
    }

    /// Sets the longest wait; one below the quiet period is raised to it.
    #[must_use]
    pub fn with_max_wait(mut self, longest: Duration) -> Self {
        self.longest = longest.clamp(self.period, EFFECTIVELY_FOREVER * 4);
        self
    }

    /// Returns the time at which changes are delivered of which the first came at `first` and the last at `last`.
    pub(crate) fn due(&self, first: Instant, last: Instant) -> Instant {
        (last + self.period).min(first + self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_bounds_changes_without_end() {
        let quiet = Quiescence::new(Duration::from_secs(1));
        let first = Instant::now();
        assert_eq!(quiet.due(first, first), first + Duration::from_secs(1));
        let last = first + Duration::from_millis(3900);
        assert_eq!(quiet.due(first, last), first + Duration::from_secs(4));
        let tight = quiet.with_max_wait(Duration::ZERO);
        assert_eq!(tight.due(first, last), first + Duration::from_secs(1));
    }
}
