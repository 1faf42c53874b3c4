//! Waiting for quiet before a change is delivered.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::backoff::EFFECTIVELY_FOREVER;

/// A quiet period and a longest wait: a change is delivered once nothing has come for the quiet
/// period, and no later than the longest wait after the first change that is held back.
///
/// The first value of a subscription never waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiescence {
    period: Duration,
    longest: Duration,
}

impl Quiescence {
    /// A quiet period alone waits four times as long at most.
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

    /// When changes may go out of which the first came at `first` and the last at `last`.
    pub(crate) fn due(&self, first: Instant, last: Instant) -> Instant {
        (last + self.period).min(first + self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_ends_an_endless_unrest() {
        let quiet = Quiescence::new(Duration::from_secs(1));
        let first = Instant::now();
        assert_eq!(quiet.due(first, first), first + Duration::from_secs(1));
        let last = first + Duration::from_millis(3900);
        assert_eq!(quiet.due(first, last), first + Duration::from_secs(4));
        let tight = quiet.with_max_wait(Duration::ZERO);
        assert_eq!(tight.due(first, last), first + Duration::from_secs(1));
    }
}
