//! [`Termination`]: the steps that end a child. It knows no clock and does no I/O.

use std::time::Duration;

use tokio::time::Instant;

use crate::handlers::longest::LONGEST;

/// The reason that the handler ends a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TerminationReason {
    /// It took longer than this timeout.
    Timeout(Duration),
    /// A command asked for it.
    Requested,
}

/// The state of a child between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Termination {
    /// It runs, at most until this time.
    Running(Option<(Instant, TerminationReason)>),
    /// It was asked to exit, and is killed at this time.
    Terminating(Instant, TerminationReason),
    /// It was killed.
    Killed(TerminationReason),
}

/// The signal to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TerminationStep {
    Terminate,
    Kill,
}

impl Termination {
    pub(super) fn begin(timeout: Option<Duration>, now: Instant) -> Self {
        Self::Running(timeout.and_then(|timeout| {
            Some((
                now.checked_add(timeout)?,
                TerminationReason::Timeout(timeout),
            ))
        }))
    }

    /// Returns the time of the next step.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Running(until) => until.map(|(until, _)| until),
            Self::Terminating(until, _) => Some(*until),
            Self::Killed(_) => None,
        }
    }

    /// Lets it finish within this time.
    pub(super) fn finish(&mut self, within: Duration, now: Instant) {
        let Self::Running(until) = self else { return };
        let Some(at) = now.checked_add(within) else {
            return;
        };
        if until.is_none_or(|(until, _)| at < until) {
            *until = Some((at, TerminationReason::Requested));
        }
    }

    /// Ends it now: the system forbids all signals to it.
    pub(super) fn give_up(&mut self) {
        if let Some(why) = self.ending() {
            *self = Self::Killed(why);
        }
    }

    /// Takes the step that is due.
    pub(super) fn advance(&mut self, grace: Duration, now: Instant) -> Option<TerminationStep> {
        match *self {
            Self::Running(Some((_, why))) => {
                *self = Self::Terminating(far(now, grace), why);
                Some(TerminationStep::Terminate)
            }
            Self::Terminating(_, why) => {
                *self = Self::Killed(why);
                Some(TerminationStep::Kill)
            }
            Self::Running(None) | Self::Killed(_) => None,
        }
    }

    /// Returns the reason that it is being ended, if it is.
    pub(super) fn ending(&self) -> Option<TerminationReason> {
        match self {
            Self::Running(_) => None,
            Self::Terminating(_, why) | Self::Killed(why) => Some(*why),
        }
    }
}

/// The time after a duration, or the last that the clock is sure to count.
pub(super) fn far(now: Instant, after: Duration) -> Instant {
    now.checked_add(after.min(LONGEST)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_timeout_asks_and_then_kills() {
        let now = Instant::now();
        let mut termination = Termination::begin(Some(SECOND), now);
        assert_eq!(
            (termination.due(), termination.ending()),
            (Some(now + SECOND), None)
        );
        assert_eq!(
            termination.advance(5 * SECOND, now + SECOND),
            Some(TerminationStep::Terminate)
        );
        assert_eq!(termination.due(), Some(now + 6 * SECOND));
        assert_eq!(
            termination.advance(5 * SECOND, now + 6 * SECOND),
            Some(TerminationStep::Kill)
        );
        assert_eq!(
            (termination.due(), termination.ending()),
            (None, Some(TerminationReason::Timeout(SECOND)))
        );
    }

    #[test]
    fn an_order_shortens_and_never_lengthens() {
        let now = Instant::now();
        let mut termination = Termination::begin(Some(SECOND), now);
        termination.finish(9 * SECOND, now);
        assert_eq!(termination, Termination::begin(Some(SECOND), now));
        termination.finish(Duration::ZERO, now);
        assert_eq!(termination.due(), Some(now));
        termination.advance(SECOND, now);
        termination.finish(Duration::ZERO, now);
        assert_eq!(
            (termination.due(), termination.ending()),
            (Some(now + SECOND), Some(TerminationReason::Requested))
        );
    }

    #[test]
    fn a_huge_grace_is_long_and_not_skipped() {
        let now = Instant::now();
        let mut termination = Termination::begin(Some(SECOND), now);
        termination.advance(Duration::MAX, now);
        assert!(termination.due() > Some(now + 1_000_000 * SECOND));
    }

    #[test]
    fn without_a_timeout_nothing_is_due_even_for_ever() {
        let now = Instant::now();
        let mut termination = Termination::begin(None, now);
        termination.finish(Duration::MAX, now);
        assert_eq!(
            (termination.due(), termination.advance(SECOND, now)),
            (None, None)
        );
        assert_eq!(Termination::begin(Some(Duration::MAX), now).due(), None);
    }
}
