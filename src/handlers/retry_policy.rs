//! [`RetryPolicy`]: when and how often a failure is retried.

use std::time::Duration;

use consul_watch_actors::Backoff;
use tokio::time::Instant;

use super::longest::LONGEST;

/// The shortest pause, so that a newer state that has waited for a failed run comes before its retry.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// The policy for retries: after a pause that grows, and always with the newest state.
///
/// A newer state replaces a failed one and is run at once. The pauses grow until a run succeeds.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    backoff: Backoff,
    tries: Option<u32>,
}

/// Pauses from 1 s to 60 s with full jitter, and ten attempts at a state in all. What has failed for minutes
/// needs an operator, and each further run repeats its side effects.
impl Default for RetryPolicy {
    fn default() -> Self {
        const SHORTEST: Duration = Duration::from_secs(1);
        const LONGEST_PAUSE: Duration = Duration::from_secs(60);
        let backoff = Backoff::new(SHORTEST, LONGEST_PAUSE).unwrap_or_default();
        Self {
            backoff: backoff.with_reset_after(Duration::ZERO),
            tries: Some(10),
        }
    }
}

impl RetryPolicy {
    /// Sets the pauses (default: from 1 s to 60 s). No pause is shorter than 100 ms.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets the number of attempts at one state in all (default 10, at least 1).
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = Some(tries.max(1));
        self
    }

    /// Retries until a run succeeds.
    #[must_use]
    pub fn without_end(mut self) -> Self {
        self.tries = None;
        self
    }

    /// Returns the pause after this many failed attempts at a state, or `None` if there is to be no other one.
    pub(super) fn pause(&self, history: &mut Option<Backoff>, tries: u32) -> Option<Duration> {
        let pause = history
            .get_or_insert_with(|| self.backoff.clone_reset())
            .failed(Instant::now())
            .clamp(MIN_PAUSE, LONGEST);
        self.tries.is_none_or(|most| tries < most).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_limited() {
        let (retry, mut history) = (RetryPolicy::default().tries(3), None);
        assert!(
            retry
                .pause(&mut history, 1)
                .is_some_and(|pause| pause >= MIN_PAUSE)
        );
        assert!(retry.pause(&mut history, 2).is_some());
        assert_eq!(retry.pause(&mut history, 3), None);
        assert!(retry.without_end().pause(&mut history, u32::MAX).is_some());
    }
}
