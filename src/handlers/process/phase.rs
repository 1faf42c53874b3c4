//! How far the end of a child has come. No clock, no I/O.

use std::time::Duration;

use tokio::time::Instant;

/// Why a child is ended by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It took longer than this.
    Timeout(Duration),
    /// Somebody said so.
    Order,
}

/// What a child may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It runs, until this time at most.
    Running(Option<(Instant, Why)>),
    /// It was asked to end, and is killed at this time.
    Asked(Instant, Why),
    /// It was killed.
    Killed(Why),
}

/// What to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Ask,
    Kill,
}

impl Phase {
    pub(super) fn begin(timeout: Option<Duration>, now: Instant) -> Self {
        Self::Running(
            timeout.and_then(|timeout| Some((now.checked_add(timeout)?, Why::Timeout(timeout)))),
        )
    }

    /// When the next step is due.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Running(until) => until.map(|(until, _)| until),
            Self::Asked(until, _) => Some(*until),
            Self::Killed(_) => None,
        }
    }

    /// It is to end within this time by itself.
    pub(super) fn finish(&mut self, within: Duration, now: Instant) {
        let Self::Running(until) = self else { return };
        let Some(at) = now.checked_add(within) else {
            return;
        };
        if until.is_none_or(|(until, _)| at < until) {
            *until = Some((at, Why::Order));
        }
    }

    /// The step that is due.
    pub(super) fn advance(&mut self, grace: Duration, now: Instant) -> Option<Step> {
        match *self {
            Self::Running(Some((_, why))) => {
                *self = Self::Asked(now.checked_add(grace).unwrap_or(now), why);
                Some(Step::Ask)
            }
            Self::Asked(_, why) => {
                *self = Self::Killed(why);
                Some(Step::Kill)
            }
            Self::Running(None) | Self::Killed(_) => None,
        }
    }

    /// Why it is being ended, if it is.
    pub(super) fn ending(&self) -> Option<Why> {
        match self {
            Self::Running(_) => None,
            Self::Asked(_, why) | Self::Killed(why) => Some(*why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_timeout_asks_and_then_kills() {
        let now = Instant::now();
        let mut phase = Phase::begin(Some(SECOND), now);
        assert_eq!((phase.due(), phase.ending()), (Some(now + SECOND), None));
        assert_eq!(phase.advance(5 * SECOND, now + SECOND), Some(Step::Ask));
        assert_eq!(phase.due(), Some(now + 6 * SECOND));
        assert_eq!(
            phase.advance(5 * SECOND, now + 6 * SECOND),
            Some(Step::Kill)
        );
        assert_eq!(
            (phase.due(), phase.ending()),
            (None, Some(Why::Timeout(SECOND)))
        );
    }

    #[test]
    fn an_order_shortens_and_never_lengthens() {
        let now = Instant::now();
        let mut phase = Phase::begin(Some(SECOND), now);
        phase.finish(9 * SECOND, now);
        assert_eq!(phase, Phase::begin(Some(SECOND), now));
        phase.finish(Duration::ZERO, now);
        assert_eq!(phase.due(), Some(now));
        phase.advance(SECOND, now);
        phase.finish(Duration::ZERO, now);
        assert_eq!(
            (phase.due(), phase.ending()),
            (Some(now + SECOND), Some(Why::Order))
        );
    }

    #[test]
    fn without_a_timeout_nothing_is_due_even_for_ever() {
        let now = Instant::now();
        let mut phase = Phase::begin(None, now);
        phase.finish(Duration::MAX, now);
        assert_eq!((phase.due(), phase.advance(SECOND, now)), (None, None));
        assert_eq!(Phase::begin(Some(Duration::MAX), now).due(), None);
    }
}
