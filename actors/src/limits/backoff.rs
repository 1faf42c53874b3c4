//! The pause before each attempt after a failure: full jitter under a doubling ceiling.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

/// A year: longer than anything here waits, and short enough to be added to any point in time.
pub(crate) const EFFECTIVELY_FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// The highest first pause before a query that the server calls wrong is sent again.
const SLOW_BASE: Duration = Duration::from_secs(10);
/// The longest of these pauses.
const SLOW_CEILING: Duration = Duration::from_secs(300);

/// The pause before each attempt after a failure: full jitter under a doubling ceiling.
///
/// The n-th pause is drawn evenly from zero to `base`·2ⁿ, and never above `ceiling`, so that many
/// watchers that failed together come back spread out. Success alone does not end the growth: only
/// a failure after [enough](Backoff::with_reset_after) time of health starts again from `base`.
#[derive(Debug, Clone)]
pub struct Backoff {
    /// `None` for the default, so that the policy of most watches takes no room in each.
    policy: Option<Arc<BackoffPolicy>>,
    attempt: u32,
    healthy_since: Option<Instant>,
    /// A test's own; otherwise the thread's.
    random: Option<Box<fastrand::Rng>>,
}

/// The lengths of the pauses, shared by copies.
#[derive(Debug, Clone, Copy)]
struct BackoffPolicy {
    base: Duration,
    ceiling: Duration,
    reset_after: Duration,
}

/// A back-off that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackoffError {
    /// A base of zero would be a hot loop.
    #[error("the back-off's base is zero, which would retry without a pause: give at least 1 ms")]
    ZeroBase,
    /// The ceiling is below the base.
    #[error("the back-off's ceiling ({ceiling:?}) is below its base ({base:?}): raise the ceiling")]
    CeilingBelowBase {
        /// The base given.
        base: Duration,
        /// The ceiling given.
        ceiling: Duration,
    },
}

impl Backoff {
    /// The default base: 250 ms (ours: the order of a leader election's steps in Consul).
    pub const DEFAULT_BASE: Duration = Duration::from_millis(250);
    /// The default ceiling: 30 s (ours).
    pub const DEFAULT_CEILING: Duration = Duration::from_secs(30);
    /// The default time of health after which a failure counts as the first one: 10 s (ours).
    pub const DEFAULT_RESET_AFTER: Duration = Duration::from_secs(10);

    /// Makes a back-off from `base`, doubling up to `ceiling`.
    ///
    /// # Errors
    ///
    /// [`BackoffError`] when the base is zero or above the ceiling.
    pub fn new(base: Duration, ceiling: Duration) -> Result<Self, BackoffError> {
        if base.is_zero() {
            return Err(BackoffError::ZeroBase);
        }
        if ceiling < base {
            return Err(BackoffError::CeilingBelowBase { base, ceiling });
        }
        let policy = BackoffPolicy {
            base,
            ceiling,
            reset_after: Self::DEFAULT_RESET_AFTER,
        };
        Ok(Self {
            policy: Some(Arc::new(policy)),
            ..Self::default()
        })
    }

    /// Sets how long health must last before the next failure counts as a first one (default 10 s).
    #[must_use]
    pub fn with_reset_after(mut self, reset_after: Duration) -> Self {
        self.policy = Some(Arc::new(BackoffPolicy {
            reset_after,
            ..self.policy()
        }));
        self
    }

    /// Sets the seed of the jitter, for a test that must be repeatable.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.random = Some(Box::new(fastrand::Rng::with_seed(seed)));
        self
    }

    /// The number of attempts that have failed since health last lasted.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Records an attempt that succeeded.
    pub fn succeeded(&mut self, now: Instant) {
        self.healthy_since.get_or_insert(now);
    }

    /// Records an attempt that failed, and returns the pause before the next one.
    pub fn failed(&mut self, now: Instant) -> Duration {
        self.failed_with_ceiling(now, self.policy().ceiling)
    }

    /// Records an attempt that failed, and returns the pause before the next one, under this ceiling where it
    /// is lower.
    pub(crate) fn failed_with_ceiling(&mut self, now: Instant, ceiling: Duration) -> Duration {
        if self
            .healthy_since
            .take()
            .is_some_and(|since| now - since >= self.policy().reset_after)
        {
            self.attempt = 0;
        }
        let pause = self.draw(self.attempt, ceiling);
        self.attempt = self.attempt.saturating_add(1);
        pause
    }

    /// Draws the pause after this number of earlier failures, under this ceiling where it is lower.
    pub(crate) fn draw(&mut self, failures: u32, ceiling: Duration) -> Duration {
        let policy = self.policy();
        let ceiling = policy.ceiling.min(ceiling.max(policy.base));
        let highest = policy
            .base
            .saturating_mul(2u32.saturating_pow(failures))
            .min(ceiling);
        highest
            .min(EFFECTIVELY_FOREVER)
            .mul_f64(self.random_share())
    }

    /// Draws the pause before the next attempt of a query that the server calls wrong: from 5 to 10 s at first,
    /// doubling up to 5 min (ours).
    pub(crate) fn slow_pause(&mut self) -> Duration {
        let highest = SLOW_BASE
            .saturating_mul(2u32.saturating_pow(self.attempt))
            .min(SLOW_CEILING);
        highest.mul_f64(self.random_share().mul_add(0.5, 0.5))
    }

    fn random_share(&mut self) -> f64 {
        self.random
            .as_mut()
            .map_or_else(fastrand::f64, |random| random.f64())
    }

    /// The time that health must last before the next failure counts as a first one.
    pub(crate) fn reset_after(&self) -> Duration {
        self.policy().reset_after
    }

    /// Forgets all failures.
    pub fn reset(&mut self) {
        self.attempt = 0;
        self.healthy_since = None;
    }

    /// Returns a copy without failures and with the thread's own jitter.
    #[must_use]
    pub fn clone_reset(&self) -> Self {
        Self {
            policy: self.policy.clone(),
            ..Self::default()
        }
    }

    fn policy(&self) -> BackoffPolicy {
        self.policy.as_deref().copied().unwrap_or(BackoffPolicy {
            base: Self::DEFAULT_BASE,
            ceiling: Self::DEFAULT_CEILING,
            reset_after: Self::DEFAULT_RESET_AFTER,
        })
    }
}

/// 250 ms doubling up to 30 s.
impl Default for Backoff {
    fn default() -> Self {
        Self {
            policy: None,
            attempt: 0,
            healthy_since: None,
            random: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_stay_under_the_doubling_ceiling(base in 1u64..5_000, factor in 1u64..200, failures in 1u32..80, seed: u64) {
            let (base, ceiling) = (Duration::from_millis(base), Duration::from_millis(base * factor));
            let mut backoff = Backoff::new(base, ceiling).unwrap().with_seed(seed);
            let now = Instant::now();
            for n in 0..failures {
                let highest = base.saturating_mul(2u32.saturating_pow(n)).min(ceiling);
                prop_assert!(backoff.failed(now) <= highest);
            }
            prop_assert_eq!(backoff.attempt(), failures);
        }
    }

    #[test]
    fn only_health_that_lasts_starts_over() {
        let mut backoff = Backoff::default().with_reset_after(Duration::from_secs(5));
        let start = Instant::now();
        backoff.failed(start);
        backoff.failed(start);
        backoff.succeeded(start);
        backoff.failed(start + Duration::from_secs(4));
        assert_eq!(backoff.attempt(), 3, "four seconds of health are not five");
        backoff.succeeded(start + Duration::from_secs(10));
        backoff.succeeded(start + Duration::from_secs(14));
        backoff.failed(start + Duration::from_secs(15));
        assert_eq!(backoff.attempt(), 1);
    }

    #[test]
    fn jitter_is_spread_over_the_whole_range() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1))
            .unwrap()
            .with_seed(7);
        let pauses: Vec<_> = (0..1000).map(|_| backoff.failed(Instant::now())).collect();
        for quarter in 0..4 {
            let range =
                Duration::from_millis(250 * quarter)..Duration::from_millis(250 * (quarter + 1));
            let share = pauses.iter().filter(|pause| range.contains(pause)).count();
            assert!(
                (200..300).contains(&share),
                "quarter {quarter} got {share} of 1000"
            );
        }
    }

    #[test]
    fn invalid_settings_are_rejected() {
        assert_eq!(
            Backoff::new(Duration::ZERO, Duration::MAX).unwrap_err(),
            BackoffError::ZeroBase
        );
        assert!(Backoff::new(Duration::from_secs(2), Duration::from_secs(1)).is_err());
    }
}
