//! How a failed run is tried again.

use std::time::Duration;

use consul_watch_actors::Backoff;
use tokio::time::Instant;

/// The shortest pause: a newer state that has waited for the failed run comes before its repetition.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// How a failed run is tried again: after a pause that grows, always with the newest state.
///
/// A newer state takes the place of a failed one and is run at once; the pauses grow until a run succeeds.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    backoff: Backoff,
    tries: Option<u32>,
}

/// From 1 s to 60 s with full jitter, ten tries of a state in all: what has failed for minutes is in need of
/// somebody who looks, and every further run repeats its side effects.
impl Default for RetryPolicy {
    fn default() -> Self {
        const SHORTEST: Duration = Duration::from_secs(1);
        const LONGEST: Duration = Duration::from_secs(60);
        let backoff = Backoff::new(SHORTEST, LONGEST).unwrap_or_default();
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

    /// Sets how often one state is tried in all (default 10); at least once.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = Some(tries.max(1));
        self
    }

    /// Tries until a run succeeds.
    #[must_use]
    pub fn without_end(mut self) -> Self {
        self.tries = None;
        self
    }

    /// The pause after this many failed tries of a state, if there is to be another one.
    pub(super) fn pause(&self, history: &mut Option<Backoff>, tries: u32) -> Option<Duration> {
        let pause = history
            .get_or_insert_with(|| self.backoff.clone_reset())
            .failed(Instant::now())
            .max(MIN_PAUSE);
        self.tries.is_none_or(|most| tries < most).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_tried_so_often_and_no_more() {
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
