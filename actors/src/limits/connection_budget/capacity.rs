//! The number of connections that the server seems to accept from this client, learned from its refusals.
//!
//! A state machine without clock and without I/O: additive increase, multiplicative decrease (AIMD), with a slow
//! start as that of TCP (<https://www.rfc-editor.org/rfc/rfc5681>).

use std::time::Duration;

use tokio::time::Instant;

/// A refusal by a server that accepts no more connections from this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The server says so.
    Stated,
    /// A new connection ended at once, as it does where a server refuses without a word, or ends.
    Suspected,
}

/// The pause between two doublings before the first refusal: a server has refused by then.
const DOUBLING: Duration = Duration::from_millis(500);

/// The pause between two increases after a refusal; after several in a row it is longer by as much for each, up to
/// [`MOST_REFUSALS`], so that a server whose connections others hold for long is met less often.
const INCREASE: Duration = Duration::from_secs(2);
const MOST_REFUSALS: u32 = 3;

/// The number of increases after which each is larger by one.
const SAME_INCREASES: usize = 15;

/// The time after which a refusal is the first one again.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// The time for which further refusals belong to the first one: the first waits of the queries beyond the new
/// number end within it.
const SAME_REFUSAL: Duration = Duration::from_secs(2);

/// The estimate.
#[derive(Debug)]
pub(super) struct Capacity {
    permits: usize,
    /// Where it starts.
    initial: usize,
    refused_at: Option<Instant>,
    /// Whether the server has stated a refusal.
    stated: bool,
    /// The number of refusals in a row.
    refusals: u32,
    /// The number of increases since the last refusal.
    increases: usize,
    /// The last increase, or when somebody first queued.
    grown_at: Option<Instant>,
}

impl Capacity {
    pub(super) fn new(initial: usize) -> Self {
        Self {
            permits: initial.max(1),
            initial: initial.max(1),
            refused_at: None,
            stated: false,
            refusals: 0,
            increases: 0,
            grown_at: None,
        }
    }

    /// The number of connections.
    pub(super) fn permits(&self) -> usize {
        self.permits
    }

    /// Records a refusal: the number is halved. Returns the numbers before and after, unless it belongs to the
    /// last refusal or nothing is left to halve.
    ///
    /// A suspected refusal may be a server's end, so it leaves half of the first number.
    pub(super) fn refused(
        &mut self,
        refusal: Refusal,
        allowed: usize,
        now: Instant,
    ) -> Option<(usize, usize)> {
        if self.refused_at.is_some_and(|at| now < at + SAME_REFUSAL) {
            return None;
        }
        let floor = match refusal {
            Refusal::Stated => 1,
            Refusal::Suspected => self.initial.min(allowed).div_ceil(2),
        };
        let before = self.permits.min(allowed);
        let after = (before / 2).max(floor).min(before);
        if self.refused_at.is_some_and(|at| now >= at + FORGET_AFTER) {
            self.refusals = 0;
        }
        self.refusals = (self.refusals + 1).min(MOST_REFUSALS);
        self.increases = 0;
        self.stated |= refusal == Refusal::Stated;
        self.refused_at = Some(now);
        self.grown_at = Some(now);
        self.permits = after;
        (after < before).then_some((before, after))
    }

    /// Increases the number as the time since the last increase allows, up to `allowed`.
    pub(super) fn grow(&mut self, allowed: usize, now: Instant) {
        while let Some(at) = self.next_growth(allowed, now)
            && at <= now
        {
            let step = match self.refused_at {
                None => self.permits,
                Some(_) => 1 + self.increases / SAME_INCREASES,
            };
            self.increases = self.increases.saturating_add(1);
            self.permits = self.permits.saturating_add(step).min(allowed);
            self.grown_at = Some(at);
        }
    }

    /// The time of the next increase; `None` if the number is as large as is allowed. The first call starts the
    /// clock.
    pub(super) fn next_growth(&mut self, allowed: usize, now: Instant) -> Option<Instant> {
        let pause = match self.refused_at {
            None => DOUBLING,
            Some(_) => INCREASE * self.refusals,
        };
        (self.permits < allowed).then(|| *self.grown_at.get_or_insert(now) + pause)
    }

    /// Stops the clock while nobody wants more.
    pub(super) fn rest(&mut self) {
        self.grown_at = None;
    }

    /// Forgets the refusals unless the server has stated one.
    pub(super) fn forget_suspected(&mut self) {
        if !self.stated {
            self.forget();
        }
    }

    /// Forgets the refusals of a server that is gone.
    pub(super) fn forget(&mut self) {
        *self = Self {
            permits: self.permits.max(self.initial),
            ..Self::new(self.initial)
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALLOWED: usize = 160;

    fn grown(capacity: &mut Capacity, start: Instant, after: Duration) -> usize {
        capacity.next_growth(ALLOWED, start);
        capacity.grow(ALLOWED, start + after);
        capacity.permits()
    }

    #[test]
    fn it_doubles_until_the_first_refusal() {
        let start = Instant::now();
        let mut capacity = Capacity::new(16);
        for (after, permits) in [(0, 16), (499, 16), (500, 32), (1_000, 64), (2_000, ALLOWED)] {
            let after = Duration::from_millis(after);
            assert_eq!(grown(&mut capacity, start, after), permits, "{after:?}");
        }
        assert_eq!(capacity.next_growth(ALLOWED, start), None);
    }

    #[test]
    fn a_refusal_halves_it_once_and_it_grows_slowly() {
        let start = Instant::now();
        let mut capacity = Capacity::new(16);
        grown(&mut capacity, start, Duration::from_secs(1));
        let mut refuse = |after| capacity.refused(Refusal::Stated, ALLOWED, start + after);
        assert_eq!(refuse(Duration::from_secs(1)), Some((64, 32)));
        assert_eq!(refuse(Duration::from_millis(2_900)), None, "the same one");
        for (after, permits) in [(2, 32), (3, 33), (5, 34), (31, 47), (33, 49), (61, 77)] {
            let after = Duration::from_secs(after);
            assert_eq!(grown(&mut capacity, start, after), permits, "{after:?}");
        }
        assert_eq!(
            grown(&mut capacity, start, Duration::from_secs(600)),
            ALLOWED
        );
    }

    #[test]
    fn only_suspected_refusals_are_forgotten_after_an_outage() {
        for (refusal, permits) in [(Refusal::Suspected, 16), (Refusal::Stated, 8)] {
            let start = Instant::now();
            let mut capacity = Capacity::new(16);
            capacity.refused(refusal, ALLOWED, start);
            capacity.forget_suspected();
            assert_eq!(capacity.permits(), permits, "{refusal:?}");
        }
    }

    #[test]
    fn refusals_in_a_row_slow_the_growth_down() {
        let mut now = Instant::now();
        let mut capacity = Capacity::new(64);
        for pause in [2, 4, 6, 6] {
            capacity.refused(Refusal::Stated, ALLOWED, now);
            let next = capacity.next_growth(ALLOWED, now);
            assert_eq!(next, Some(now + Duration::from_secs(pause)));
            now += Duration::from_secs(100);
        }
        now += FORGET_AFTER;
        capacity.refused(Refusal::Stated, ALLOWED, now);
        assert_eq!(capacity.next_growth(ALLOWED, now), Some(now + INCREASE));
    }

    #[test]
    fn what_is_only_suspected_leaves_some() {
        let mut now = Instant::now();
        let mut suspected = Capacity::new(16);
        let mut stated = Capacity::new(16);
        for _ in 0..10 {
            suspected.refused(Refusal::Suspected, ALLOWED, now);
            stated.refused(Refusal::Stated, ALLOWED, now);
            now += SAME_REFUSAL;
        }
        assert_eq!((suspected.permits(), stated.permits()), (8, 1));
        stated.forget();
        assert_eq!(stated.permits(), 16);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(
            initial in 0usize..200,
            allowed in 1usize..200,
            events in prop::collection::vec((0u8..5, 0u64..100_000), 0..100),
        ) {
            let mut capacity = Capacity::new(initial);
            let mut now = Instant::now();
            for (event, pause) in events {
                now += Duration::from_millis(pause);
                let before = capacity.permits();
                match event {
                    0 => {
                        let halved = capacity.refused(Refusal::Stated, allowed, now);
                        if let Some((from, to)) = halved {
                            prop_assert_eq!((from, to), (before.min(allowed), (from / 2).max(1)));
                        }
                    }
                    1 => drop(capacity.refused(Refusal::Suspected, allowed, now)),
                    2 => capacity.forget(),
                    3 => capacity.rest(),
                    _ => {
                        capacity.grow(allowed, now);
                        prop_assert!(capacity.permits() >= before);
                        prop_assert!(capacity.permits() <= before.max(allowed));
                    }
                }
                prop_assert!(capacity.permits() >= 1);
            }
        }
    }
}
