//! The rate limit of one watcher: a token bucket that slows down on empty wake-ups.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::EFFECTIVELY_FOREVER;

/// A token bucket that keeps a watcher from querying in a hot loop.
///
/// It holds `burst` tokens and gains one each `every`. Answers that come early and bring no change stretch
/// `every`, which doubles up to 64 times, since a hot loop consists of them; the first change restores it.
/// Consul's documentation asks its clients for such a
/// [rate limit](https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details).
#[derive(Debug, Clone)]
pub struct Throttle {
    burst: u32,
    every: Duration,
    empty_wakeups: u32,
    /// When the bucket will be full again, which is all the state that a token bucket needs.
    full_at: Option<Instant>,
}

impl Throttle {
    /// The default burst: 2 (as
    /// [Consul's documentation](https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details)
    /// proposes).
    pub const DEFAULT_BURST: u32 = 2;
    /// The default interval: one query each 10 ms (ours).
    pub const DEFAULT_EVERY: Duration = Duration::from_millis(10);
    /// The number of times that empty wake-ups double the interval.
    const MAX_DOUBLINGS: u32 = 6;

    /// Makes a bucket of `burst` tokens (at least 1) that gains one each `every`.
    pub fn new(burst: u32, every: Duration) -> Self {
        Self {
            burst: burst.max(1),
            every: every.min(EFFECTIVELY_FOREVER),
            empty_wakeups: 0,
            full_at: None,
        }
    }

    /// Takes a token, and returns how long to wait before it may be used.
    pub fn take(&mut self, now: Instant) -> Duration {
        let every = self
            .every
            .saturating_mul(1 << self.empty_wakeups.min(Self::MAX_DOUBLINGS));
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + every;
        self.full_at = Some(full_at);
        (full_at - now).saturating_sub(every.saturating_mul(self.burst))
    }

    /// Starts with a full bucket again: what a source was asked says nothing of the next one.
    pub(crate) fn refill(&mut self) {
        self.empty_wakeups = 0;
        self.full_at = None;
    }

    /// Records that the last query brought a change.
    pub fn on_change(&mut self) {
        self.empty_wakeups = 0;
    }

    /// Records that the last query came back early and brought no change.
    pub fn on_empty_wakeup(&mut self) {
        self.empty_wakeups = self.empty_wakeups.saturating_add(1);
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new(Self::DEFAULT_BURST, Self::DEFAULT_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_interval_holds() {
        let mut throttle = Throttle::new(2, Duration::from_millis(10));
        let now = Instant::now();
        assert_eq!(throttle.take(now), Duration::ZERO);
        assert_eq!(throttle.take(now), Duration::ZERO);
        assert_eq!(throttle.take(now), Duration::from_millis(10));
        assert_eq!(
            throttle.take(now + Duration::from_secs(1)),
            Duration::ZERO,
            "it fills up again"
        );
    }

    #[test]
    fn empty_wakeups_slow_down_and_a_change_speeds_up() {
        let mut throttle = Throttle::new(1, Duration::from_millis(10));
        let mut now = Instant::now();
        for _ in 0..20 {
            throttle.on_empty_wakeup();
            now += throttle.take(now);
        }
        assert_eq!(throttle.take(now), Duration::from_millis(640));
        throttle.on_change();
        now += Duration::from_secs(10);
        assert_eq!(throttle.take(now), Duration::ZERO);
        assert_eq!(throttle.take(now), Duration::from_millis(10));
    }

    #[test]
    fn what_was_taken_before_a_refill_delays_nothing() {
        let mut throttle = Throttle::new(2, Duration::from_millis(10));
        let now = Instant::now();
        for _ in 0..10_000 {
            throttle.take(now);
            throttle.on_empty_wakeup();
        }
        throttle.refill();
        let pauses = [(); 3].map(|()| throttle.take(now));
        assert_eq!(pauses, [0, 0, 10].map(Duration::from_millis));
    }

    proptest! {
        #[test]
        fn no_more_than_burst_and_interval_in_any_run(burst in 1u32..5, steps in prop::collection::vec(0u64..30, 1..200)) {
            let every = Duration::from_millis(10);
            let mut throttle = Throttle::new(burst, every);
            let start = Instant::now();
            let mut now = start;
            let mut taken = 0u32;
            for step in steps {
                now += Duration::from_millis(step);
                now += throttle.take(now);
                taken += 1;
                let allowed = u128::from(burst) + (now - start).as_nanos() / every.as_nanos();
                prop_assert!(u128::from(taken) <= allowed, "{taken} taken, {allowed} allowed");
            }
        }
    }
}
