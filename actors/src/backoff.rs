//! How long to wait before the next attempt.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

/// As good as for ever, and still fit to be added to a point in time.
pub(crate) const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// The pause before each attempt after a failure: full jitter under a doubling ceiling.
///
/// The n-th pause is drawn evenly from zero to `base`·2ⁿ, and never above `ceiling`, so that many
/// watchers that failed together come back spread out. Success alone does not end the growth: only
/// an attempt that failed after [`sustained`](Backoff::with_reset_after) health starts again from `base`.
#[derive(Debug, Clone)]
pub struct Backoff {
    /// `None` for the default, so that the one that most watches have takes no room in each.
    pace: Option<Arc<Pace>>,
    attempt: u32,
    healthy_since: Option<Instant>,
    /// A test's own; otherwise the thread's.
    random: Option<Box<fastrand::Rng>>,
}

/// How long pauses are, which fresh copies share.
#[derive(Debug, Clone, Copy)]
struct Pace {
    base: Duration,
    ceiling: Duration,
    sustained: Duration,
}

/// A back-off that cannot be.
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
    /// The default base: 250 ms, the order of a Consul leader election's steps.
    pub const DEFAULT_BASE: Duration = Duration::from_millis(250);
    /// The default ceiling: 30 s.
    pub const DEFAULT_CEILING: Duration = Duration::from_secs(30);
    /// The default of sustained health: 10 s.
    pub const DEFAULT_SUSTAINED: Duration = Duration::from_secs(10);

    /// A back-off from `base`, doubling up to `ceiling`.
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
        let pace = Pace {
            base,
            ceiling,
            sustained: Self::DEFAULT_SUSTAINED,
        };
        Ok(Self {
            pace: Some(Arc::new(pace)),
            ..Self::default()
        })
    }

    /// Sets how long health must last before the next failure counts as a first one (default 10 s).
    #[must_use]
    pub fn with_reset_after(mut self, sustained: Duration) -> Self {
        self.pace = Some(Arc::new(Pace {
            sustained,
            ..self.pace()
        }));
        self
    }

    /// Sets the seed of the jitter, for a test that must repeat.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.random = Some(Box::new(fastrand::Rng::with_seed(seed)));
        self
    }

    /// How many attempts have failed since the last sustained health.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// An attempt succeeded.
    pub fn succeeded(&mut self, now: Instant) {
        self.healthy_since.get_or_insert(now);
    }

    /// An attempt failed: the pause before the next one.
    pub fn failed(&mut self, now: Instant) -> Duration {
        self.failed_within(now, self.pace().ceiling)
    }

    /// An attempt failed: the pause before the next one, under this ceiling where it is lower.
    pub(crate) fn failed_within(&mut self, now: Instant, ceiling: Duration) -> Duration {
        if self
            .healthy_since
            .take()
            .is_some_and(|since| now - since >= self.pace().sustained)
        {
            self.attempt = 0;
        }
        let pause = self.draw(self.attempt, ceiling);
        self.attempt = self.attempt.saturating_add(1);
        pause
    }

    /// The pause after so many failures before this one, under this ceiling where it is lower.
    pub(crate) fn draw(&mut self, failures: u32, ceiling: Duration) -> Duration {
        let pace = self.pace();
        let ceiling = pace.ceiling.min(ceiling.max(pace.base));
        let highest = pace
            .base
            .saturating_mul(2u32.saturating_pow(failures))
            .min(ceiling);
        let share = self
            .random
            .as_mut()
            .map_or_else(fastrand::f64, |random| random.f64());
        highest.min(FAR).mul_f64(share)
    }

    /// How long health must last before the next failure counts as a first one.
    pub(crate) fn sustained(&self) -> Duration {
        self.pace().sustained
    }

    /// Forgets all failures.
    pub fn reset(&mut self) {
        self.attempt = 0;
        self.healthy_since = None;
    }

    /// A copy without history and with jitter of its own.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self {
            pace: self.pace.clone(),
            ..Self::default()
        }
    }

    fn pace(&self) -> Pace {
        self.pace.as_deref().copied().unwrap_or(Pace {
            base: Self::DEFAULT_BASE,
            ceiling: Self::DEFAULT_CEILING,
            sustained: Self::DEFAULT_SUSTAINED,
        })
    }
}

/// 250 ms doubling up to 30 s.
impl Default for Backoff {
    fn default() -> Self {
        Self {
            pace: None,
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
    fn only_sustained_health_starts_over() {
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
    fn what_cannot_be_is_refused() {
        assert_eq!(
            Backoff::new(Duration::ZERO, Duration::MAX).unwrap_err(),
            BackoffError::ZeroBase
        );
        assert!(Backoff::new(Duration::from_secs(2), Duration::from_secs(1)).is_err());
    }
}
