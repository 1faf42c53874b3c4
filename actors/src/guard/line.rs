//! The queue of those who want to ask, without a clock of its own.

use std::{cmp::Reverse, collections::BTreeMap, task::Waker, time::Duration};

use tokio::time::Instant;

use super::ReconnectGate;
use crate::Backoff;

/// Who stands in line, and whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Line {
    away: bool,
    waiting: BTreeMap<Standing, Waiting>,
    /// Those of them that may ask on behalf of all, in the order they do.
    probers: BTreeMap<Candidacy, Standing>,
    asking: Vec<Asking>,
    /// The earliest time of the next attempt while the server is away.
    next_probe: Option<Instant>,
    /// How many attempts have failed since the server was last well for long.
    failures: u32,
    /// When it came back.
    well_since: Option<Instant>,
    /// Who comes later than the last one that was let in belongs to the next round, so that nobody is
    /// overtaken for ever.
    round: u64,
    last_id: u64,
}

/// Who wants to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comer {
    /// Its last attempt has failed.
    pub(crate) again: bool,
    /// How many attempts in a row have.
    pub(crate) attempts: u32,
    pub(crate) subscribers: usize,
}

/// A place in the line, in the order of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Standing {
    again: bool,
    round: u64,
    subscribers: Reverse<usize>,
    id: u64,
}

/// How many attempts in a row have failed, then as in the line.
type Candidacy = (u32, Reverse<usize>, u64);

#[derive(Debug)]
struct Waiting {
    attempts: u32,
    waker: Waker,
}

#[derive(Debug)]
struct Asking {
    id: u64,
    since: Instant,
    probe: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ask,
    /// Look again at this time, if not woken before.
    Wait(Instant),
}

impl Standing {
    fn candidacy(&self, attempts: u32) -> Candidacy {
        (attempts, self.subscribers, self.id)
    }
}

impl Line {
    /// Takes a place in the line; none is needed by who comes for the first time when nothing is wrong.
    pub(super) fn enter(&mut self, comer: Comer) -> Option<Standing> {
        if !comer.again && !self.away && self.waiting.is_empty() {
            return None;
        }
        self.last_id += 1;
        let standing = Standing {
            again: comer.again,
            round: self.round + 1,
            subscribers: Reverse(comer.subscribers),
            id: self.last_id,
        };
        if comer.again {
            self.probers
                .insert(standing.candidacy(comer.attempts), standing);
        }
        self.waiting.insert(
            standing,
            Waiting {
                attempts: comer.attempts,
                waker: Waker::noop().clone(),
            },
        );
        Some(standing)
    }

    /// Whether it may ask now; if not, `waker` is woken when it may.
    pub(super) fn look(&mut self, standing: Standing, waker: &Waker, now: Instant) -> Verdict {
        let at = self.next_change(standing, now);
        match self.waiting.get_mut(&standing) {
            None => Verdict::Ask,
            Some(waiting) => {
                waiting.waker.clone_from(waker);
                Verdict::Wait(at)
            }
        }
    }

    /// Lets in whoever may ask now; they are to be woken.
    pub(super) fn advance(&mut self, now: Instant) -> Vec<Waker> {
        let mut wake = Vec::new();
        let mut room = ReconnectGate::MAX_CONCURRENT.saturating_sub(self.counted(now).count());
        while room > 0
            && let Some((&first, _)) = self.waiting.first_key_value()
            && !(self.away && first.again)
        {
            wake.extend(self.let_in(first, false, now));
            room -= 1;
        }
        if self.away
            && self.next_probe.is_none_or(|at| at <= now)
            && let Some(prober) = self.prober()
        {
            self.next_probe = Some(now + ReconnectGate::PROBE_TIMEOUT);
            wake.extend(self.let_in(prober, true, now));
            wake.extend(self.informed());
        }
        wake
    }

    /// Who is to find out whether the server is back.
    fn prober(&self) -> Option<Standing> {
        self.probers
            .first_key_value()
            .map(|(_, standing)| *standing)
    }

    fn let_in(&mut self, standing: Standing, probe: bool, now: Instant) -> Option<Waker> {
        let waiting = self.remove_waiting(standing)?;
        self.asking.push(Asking {
            id: standing.id,
            since: now,
            probe,
        });
        // All that come while it is away come back together.
        if !self.away {
            self.round = self.round.max(standing.round);
        }
        Some(waiting.waker)
    }

    fn remove_waiting(&mut self, standing: Standing) -> Option<Waiting> {
        let waiting = self.waiting.remove(&standing)?;
        self.probers.remove(&standing.candidacy(waiting.attempts));
        Some(waiting)
    }

    /// Those who ask and have not done so for too long.
    fn counted(&self, now: Instant) -> impl Iterator<Item = &Asking> {
        self.asking
            .iter()
            .filter(move |asking| now < asking.since + ReconnectGate::PROBE_TIMEOUT)
    }

    /// When this one may be let in although nothing happens.
    fn next_change(&self, standing: Standing, now: Instant) -> Instant {
        let at = if !(self.away && standing.again) {
            self.counted(now)
                .map(|asking| asking.since + ReconnectGate::PROBE_TIMEOUT)
                .min()
        } else if self.prober() == Some(standing) {
            self.next_probe
        } else {
            // It is for the first to see to, and for the others if that stands still.
            self.next_probe.map(|at| at + ReconnectGate::PROBE_TIMEOUT)
        };
        at.filter(|at| *at > now)
            .unwrap_or(now + ReconnectGate::PROBE_TIMEOUT)
    }

    /// Goes, whether it asked or not. A turn that was not used is the next one's.
    pub(super) fn leave(&mut self, standing: Standing, now: Instant) {
        drop(self.remove_waiting(standing));
        if self.remove_asking(standing) {
            self.probe_at(now, now);
        }
    }

    /// Whether it asked on behalf of all.
    fn remove_asking(&mut self, standing: Standing) -> bool {
        let at = self
            .asking
            .iter()
            .position(|asking| asking.id == standing.id);
        at.is_some_and(|at| self.asking.swap_remove(at).probe)
    }

    /// The server is away. The pause, if it is this failure that sets the time of the next attempt.
    pub(super) fn lost(
        &mut self,
        standing: Option<Standing>,
        backoff: &mut Backoff,
        now: Instant,
    ) -> Option<Duration> {
        let probe = standing.is_some_and(|standing| self.remove_asking(standing));
        if self.away && !probe {
            return None;
        }
        if !self.away
            && self
                .well_since
                .is_some_and(|since| now - since >= backoff.sustained())
        {
            self.failures = 0;
        }
        self.away = true;
        let pause = backoff.draw(self.failures, ReconnectGate::MAX_PROBE_INTERVAL);
        self.failures = self.failures.saturating_add(1);
        self.probe_at(now + pause, now);
        Some(pause)
    }

    /// The next attempt comes then, unless one is still on its way that comes first.
    fn probe_at(&mut self, at: Instant, now: Instant) {
        let another = self.counted(now).any(|asking| asking.probe);
        self.next_probe = self
            .next_probe
            .filter(|known| another && *known > at)
            .or(Some(at));
    }

    /// The server is there.
    pub(super) fn found(&mut self, now: Instant) {
        if std::mem::take(&mut self.away) {
            self.next_probe = None;
            self.well_since = Some(now);
            // Nobody asks on behalf of all any more.
            self.asking
                .iter_mut()
                .for_each(|asking| asking.probe = false);
        }
    }

    /// When the next attempt may come while the server is away.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        self.next_probe
    }

    /// Who is to look again, since the next attempt is its own, or comes at another time than it knew.
    pub(super) fn informed(&self) -> Option<Waker> {
        let prober = self.away.then(|| self.prober()).flatten()?;
        self.waiting
            .get(&prober)
            .map(|waiting| waiting.waker.clone())
    }
}

#[cfg(test)]
mod tests;
