//! The queue of watches that want to reconnect: a state machine without clock and without I/O.
//!
//! Invariants: at most [`ReconnectGate::MAX_CONCURRENT`] admitted watches and one probe count at a time;
//! every ticket is admitted or has a time at which it is checked again; arrivals after the last admission
//! join the next round, so no watch starves.

use std::{cmp::Reverse, collections::BTreeMap, task::Waker, time::Duration};

use tokio::time::Instant;

use super::ReconnectGate;
use crate::limits::backoff::Backoff;

/// The watches that wait and those that were admitted.
#[derive(Debug, Default)]
pub(super) struct Queue {
    down: bool,
    waiting: BTreeMap<Ticket, Waiter>,
    /// Those of them that may probe on behalf of all, in the order in which they do.
    probers: BTreeMap<ProbePriority, Ticket>,
    admitted: Vec<Admitted>,
    /// The earliest time of the next probe while the server is down.
    next_probe_at: Option<Instant>,
    /// The number of failed attempts since the server was last up for long.
    failures: u32,
    /// When the server came back.
    up_since: Option<Instant>,
    /// When the outage began.
    down_since: Option<Instant>,
    /// The round of the last admission. Later arrivals join the next round, so no watch starves.
    round: u64,
    last_id: u64,
}

/// A watch that wants to query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Its last attempt failed.
    pub(crate) retrying: bool,
    /// The number of attempts that failed in a row.
    pub(crate) attempts: u32,
    pub(crate) subscribers: usize,
}

/// A position in the queue; the order is the order of admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    retrying: bool,
    round: u64,
    subscribers: Reverse<usize>,
    id: u64,
}

/// The number of failed attempts in a row, then the order of the queue.
type ProbePriority = (u32, Reverse<usize>, u64);

#[derive(Debug)]
struct Waiter {
    attempts: u32,
    waker: Waker,
}

#[derive(Debug)]
struct Admitted {
    id: u64,
    since: Instant,
    probe: bool,
}

/// The queue's answer to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// The watch may query now.
    Admitted,
    /// Poll again at this time, if not woken before.
    Pending(Instant),
}

impl Ticket {
    fn probe_priority(&self, attempts: u32) -> ProbePriority {
        (attempts, self.subscribers, self.id)
    }
}

impl Queue {
    /// Adds a candidate. A first attempt needs no ticket while the server is up and nobody waits.
    pub(super) fn enqueue(&mut self, candidate: Candidate) -> Option<Ticket> {
        if !candidate.retrying && !self.down && self.waiting.is_empty() {
            return None;
        }
        self.last_id += 1;
        let ticket = Ticket {
            retrying: candidate.retrying,
            round: self.round + 1,
            subscribers: Reverse(candidate.subscribers),
            id: self.last_id,
        };
        if candidate.retrying {
            self.probers
                .insert(ticket.probe_priority(candidate.attempts), ticket);
        }
        self.waiting.insert(
            ticket,
            Waiter {
                attempts: candidate.attempts,
                waker: Waker::noop().clone(),
            },
        );
        Some(ticket)
    }

    /// Returns whether the ticket is admitted; if not, `waker` is woken when it is.
    pub(super) fn poll_admission(
        &mut self,
        ticket: Ticket,
        waker: &Waker,
        now: Instant,
    ) -> Admission {
        let at = self.next_check(ticket, now);
        match self.waiting.get_mut(&ticket) {
            None => Admission::Admitted,
            Some(waiter) => {
                waiter.waker.clone_from(waker);
                Admission::Pending(at)
            }
        }
    }

    /// Admits all that may query now, and returns their wakers.
    pub(super) fn advance(&mut self, now: Instant) -> Vec<Waker> {
        let mut wake = Vec::new();
        let mut room = ReconnectGate::MAX_CONCURRENT.saturating_sub(self.counted(now).count());
        while room > 0
            && let Some((&first, _)) = self.waiting.first_key_value()
            && !(self.down && first.retrying)
        {
            wake.extend(self.admit(first, false, now));
            room -= 1;
        }
        if self.down
            && self.next_probe_at.is_none_or(|at| at <= now)
            && let Some(prober) = self.next_probe()
        {
            self.next_probe_at = Some(now + ReconnectGate::PROBE_TIMEOUT);
            wake.extend(self.admit(prober, true, now));
            wake.extend(self.next_waker());
        }
        wake
    }

    /// The ticket that probes next.
    fn next_probe(&self) -> Option<Ticket> {
        self.probers.first_key_value().map(|(_, ticket)| *ticket)
    }

    fn admit(&mut self, ticket: Ticket, probe: bool, now: Instant) -> Option<Waker> {
        let waiter = self.remove_waiter(ticket)?;
        self.admitted.push(Admitted {
            id: ticket.id,
            since: now,
            probe,
        });
        // All that arrive while the server is down reconnect in one round.
        if !self.down {
            self.round = self.round.max(ticket.round);
        }
        Some(waiter.waker)
    }

    fn remove_waiter(&mut self, ticket: Ticket) -> Option<Waiter> {
        let waiter = self.waiting.remove(&ticket)?;
        self.probers.remove(&ticket.probe_priority(waiter.attempts));
        Some(waiter)
    }

    /// The admitted that still count, since they have not taken too long.
    fn counted(&self, now: Instant) -> impl Iterator<Item = &Admitted> {
        self.admitted
            .iter()
            .filter(move |admitted| now < admitted.since + ReconnectGate::PROBE_TIMEOUT)
    }

    /// The time at which this ticket may be admitted although nothing happens.
    fn next_check(&self, ticket: Ticket, now: Instant) -> Instant {
        let at = if !(self.down && ticket.retrying) {
            self.counted(now)
                .map(|admitted| admitted.since + ReconnectGate::PROBE_TIMEOUT)
                .min()
        } else if self.next_probe() == Some(ticket) {
            self.next_probe_at
        } else {
            // The first probes in time, and the others if its thread stands still.
            self.next_probe_at
                .map(|at| at + ReconnectGate::PROBE_TIMEOUT)
        };
        at.filter(|at| *at > now)
            .unwrap_or(now + ReconnectGate::PROBE_TIMEOUT)
    }

    /// Removes a ticket, admitted or not. A probe that was not made passes to the next ticket.
    pub(super) fn dequeue(&mut self, ticket: Ticket, now: Instant) {
        drop(self.remove_waiter(ticket));
        if self.remove_admitted(ticket) {
            self.schedule_probe(now, now);
        }
    }

    /// Removes an admitted ticket; returns whether it probed on behalf of all.
    fn remove_admitted(&mut self, ticket: Ticket) -> bool {
        let at = self
            .admitted
            .iter()
            .position(|admitted| admitted.id == ticket.id);
        at.is_some_and(|at| self.admitted.swap_remove(at).probe)
    }

    /// Records that the server is down. Returns the pause, if this failure sets the time of the next probe.
    pub(super) fn record_outage(
        &mut self,
        ticket: Option<Ticket>,
        backoff: &mut Backoff,
        now: Instant,
    ) -> Option<Duration> {
        let probe = ticket.is_some_and(|ticket| self.remove_admitted(ticket));
        if self.down && !probe {
            return None;
        }
        if !self.down
            && self
                .up_since
                .is_some_and(|since| now - since >= backoff.reset_after())
        {
            self.failures = 0;
        }
        self.down = true;
        self.down_since.get_or_insert(now);
        let pause = backoff.draw(self.failures, ReconnectGate::MAX_PROBE_INTERVAL);
        self.failures = self.failures.saturating_add(1);
        self.schedule_probe(now + pause, now);
        Some(pause)
    }

    /// Schedules the next probe, unless another one under way sets a later time.
    fn schedule_probe(&mut self, at: Instant, now: Instant) {
        let another = self.counted(now).any(|admitted| admitted.probe);
        self.next_probe_at = self
            .next_probe_at
            .filter(|known| another && *known > at)
            .or(Some(at));
    }

    /// Records that the server is up. Returns the time that it was down.
    pub(super) fn record_success(&mut self, now: Instant) -> Duration {
        let down_for = self
            .down_since
            .take()
            .map_or(Duration::ZERO, |since| now - since);
        if std::mem::take(&mut self.down) {
            self.next_probe_at = None;
            self.up_since = Some(now);
            // None of them probes on behalf of all any more.
            self.admitted
                .iter_mut()
                .for_each(|admitted| admitted.probe = false);
        }
        down_for
    }

    /// The earliest time of the next probe while the server is down.
    pub(super) fn next_probe_at(&self) -> Option<Instant> {
        self.next_probe_at
    }

    /// The waker of the ticket that probes next, which may not know that it does, or when.
    pub(super) fn next_waker(&self) -> Option<Waker> {
        let prober = self.down.then(|| self.next_probe()).flatten()?;
        self.waiting.get(&prober).map(|waiter| waiter.waker.clone())
    }
}

#[cfg(test)]
mod tests;
