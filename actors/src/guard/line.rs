//! The queue of those who want to ask, without a clock of its own.

use std::{cmp::Reverse, collections::BTreeMap, task::Waker, time::Duration};

use tokio::time::Instant;

use super::Guard;
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
            self.probers.insert(standing.candidacy(comer.attempts), standing);
        }
        self.waiting.insert(standing, Waiting { attempts: comer.attempts, waker: Waker::noop().clone() });
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
        let mut room = Guard::AT_ONCE.saturating_sub(self.counted(now).count());
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
            self.next_probe = Some(now + Guard::PATIENCE);
            wake.extend(self.let_in(prober, true, now));
            wake.extend(self.informed());
        }
        wake
    }

    /// Who is to find out whether the server is back.
    fn prober(&self) -> Option<Standing> {
        self.probers.first_key_value().map(|(_, standing)| *standing)
    }

    fn let_in(&mut self, standing: Standing, probe: bool, now: Instant) -> Option<Waker> {
        let waiting = self.remove_waiting(standing)?;
        self.asking.push(Asking { id: standing.id, since: now, probe });
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
        self.asking.iter().filter(move |asking| now < asking.since + Guard::PATIENCE)
    }

    /// When this one may be let in although nothing happens.
    fn next_change(&self, standing: Standing, now: Instant) -> Instant {
        let at = if !(self.away && standing.again) {
            self.counted(now).map(|asking| asking.since + Guard::PATIENCE).min()
        } else if self.prober() == Some(standing) {
            self.next_probe
        } else {
            // It is for the first to see to, and for the others if that stands still.
            self.next_probe.map(|at| at + Guard::PATIENCE)
        };
        at.filter(|at| *at > now).unwrap_or(now + Guard::PATIENCE)
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
        let at = self.asking.iter().position(|asking| asking.id == standing.id);
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
        if !self.away && self.well_since.is_some_and(|since| now - since >= backoff.sustained()) {
            self.failures = 0;
        }
        self.away = true;
        let pause = backoff.draw(self.failures, Guard::CEILING);
        self.failures = self.failures.saturating_add(1);
        self.probe_at(now + pause, now);
        Some(pause)
    }

    /// The next attempt comes then, unless one is still on its way that comes first.
    fn probe_at(&mut self, at: Instant, now: Instant) {
        let another = self.counted(now).any(|asking| asking.probe);
        self.next_probe = self.next_probe.filter(|known| another && *known > at).or(Some(at));
    }

    /// The server is there.
    pub(super) fn found(&mut self, now: Instant) {
        if std::mem::take(&mut self.away) {
            self.next_probe = None;
            self.well_since = Some(now);
            // Nobody asks on behalf of all any more.
            self.asking.iter_mut().for_each(|asking| asking.probe = false);
        }
    }

    /// When the next attempt may come while the server is away.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        self.next_probe
    }

    /// Who is to look again, since the next attempt is its own, or comes at another time than it knew.
    pub(super) fn informed(&self) -> Option<Waker> {
        let prober = self.away.then(|| self.prober()).flatten()?;
        self.waiting.get(&prober).map(|waiting| waiting.waker.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AGAIN: Comer = Comer { again: true, attempts: 1, subscribers: 1 };
    const FRESH: Comer = Comer { again: false, attempts: 0, subscribers: 1 };

    fn backoff() -> Backoff {
        Backoff::default().with_seed(7)
    }

    /// A line whose server is away, and these in it.
    fn away(comers: &[Comer], now: Instant) -> (Line, Vec<Standing>) {
        let mut line = Line::default();
        assert!(line.lost(None, &mut backoff(), now).is_some());
        let standings = comers.iter().map(|comer| line.enter(*comer).unwrap()).collect();
        (line, standings)
    }

    fn may_ask(line: &mut Line, standing: Standing, now: Instant) -> bool {
        line.look(standing, Waker::noop(), now) == Verdict::Ask
    }

    /// Those that may ask, by their number.
    fn asking(line: &mut Line, standings: &[Standing], now: Instant) -> Vec<usize> {
        line.advance(now);
        (0..standings.len()).filter(|n| may_ask(line, standings[*n], now)).collect()
    }

    #[test]
    fn who_comes_when_all_is_well_needs_no_turn() {
        let mut line = Line::default();
        assert_eq!(line.enter(FRESH), None);
        assert!(line.enter(AGAIN).is_some());
        assert!(line.enter(FRESH).is_some(), "it does not go ahead of who is waiting");
    }

    #[test]
    fn the_one_that_failed_least_often_asks_first_and_then_the_one_with_most_subscribers() {
        let now = Instant::now();
        let comers = [(3, 9), (1, 2), (1, 5), (1, 5), (2, 9)].map(|(attempts, subscribers)| Comer {
            again: true,
            attempts,
            subscribers,
        });
        let (mut line, standings) = away(&comers, now);
        assert_eq!(asking(&mut line, &standings, now), [] as [usize; 0], "not before the pause is over");
        let mut now = line.next_probe().unwrap();
        assert_eq!(asking(&mut line, &standings, now), [2]);
        assert_eq!(asking(&mut line, &standings, now + Guard::PATIENCE / 2), [2], "one at a time");
        now += Guard::PATIENCE;
        assert_eq!(asking(&mut line, &standings, now), [2, 3], "unless it takes too long");
        line.leave(standings[3], now);
        assert_eq!(asking(&mut line, &standings, now), [1, 2, 3], "what it did not use is the next one's");
        line.found(now);
        assert_eq!(asking(&mut line, &standings, now), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn pauses_grow_until_it_was_well_for_long() {
        let (mut line, mut now) = (Line::default(), Instant::now());
        let mut backoff = backoff();
        for failures in 0..100 {
            let standing = line.enter(AGAIN).unwrap();
            now = line.next_probe().unwrap_or(now);
            line.advance(now);
            let pause = line.lost(Some(standing), &mut backoff, now).unwrap();
            let most = Backoff::DEFAULT_BASE.saturating_mul(1 << failures.min(20)).min(Guard::CEILING);
            assert!(pause <= most, "{pause:?}");
            if failures % 10 == 0 {
                line.found(now);
                now += Duration::from_secs(9);
            }
        }
        line.found(now);
        assert!(
            line.lost(None, &mut backoff, now + Duration::from_secs(10)).unwrap() <= Backoff::DEFAULT_BASE
        );
        assert_eq!(line.lost(None, &mut backoff, now), None, "who only finds the same sets no time");
    }

    #[test]
    fn nobody_is_overtaken_for_ever() {
        let now = Instant::now();
        let mut line = Line::default();
        let crowd = |line: &mut Line| line.enter(Comer { subscribers: 1000, ..AGAIN }).unwrap();
        let mut busy: Vec<_> = (0..2 * Guard::AT_ONCE).map(|_| crowd(&mut line)).collect();
        line.advance(now);
        let small = line.enter(AGAIN).unwrap();
        let mut rounds = 0;
        while !may_ask(&mut line, small, now) {
            rounds += 1;
            assert!(rounds < 5 * Guard::AT_ONCE, "those with more subscribers go first again and again");
            let asks = busy.iter().position(|standing| may_ask(&mut line, *standing, now)).unwrap();
            line.leave(busy.swap_remove(asks), now);
            busy.push(crowd(&mut line));
            line.advance(now);
        }
    }

    #[derive(Debug, Clone)]
    enum Event {
        Come { again: bool, attempts: u32, subscribers: usize },
        Pass(u64),
        Leave(usize),
        Fails(usize),
        Answered,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (any::<bool>(), 0u32..5, 0usize..20)
                .prop_map(|(again, attempts, subscribers)| Event::Come { again, attempts, subscribers }),
            3 => (0u64..4000).prop_map(Event::Pass),
            1 => any::<usize>().prop_map(Event::Leave),
            2 => any::<usize>().prop_map(Event::Fails),
            1 => Just(Event::Answered),
        ]
    }

    proptest! {
        #[test]
        fn no_storm_and_nobody_left_behind(events in prop::collection::vec(event(), 1..300)) {
            let mut line = Line::default();
            let mut backoff = backoff();
            let mut now = Instant::now();
            let mut there: Vec<Standing> = Vec::new();
            for event in events {
                match event {
                    Event::Come { again, attempts, subscribers } => {
                        there.extend(line.enter(Comer { again, attempts, subscribers }));
                    }
                    Event::Pass(millis) => now += Duration::from_millis(millis),
                    Event::Leave(n) if !there.is_empty() => {
                        let at = n % there.len();
                        line.leave(there.swap_remove(at), now);
                    }
                    Event::Fails(n) if !there.is_empty() => {
                        let standing = there[n % there.len()];
                        if may_ask(&mut line, standing, now) {
                            line.lost(Some(standing), &mut backoff, now);
                            there.retain(|other| *other != standing);
                        }
                    }
                    Event::Answered => line.found(now),
                    Event::Leave(_) | Event::Fails(_) => {}
                }
                line.advance(now);
                prop_assert!(line.counted(now).count() <= Guard::AT_ONCE + 1);
                for standing in &there {
                    if let Verdict::Wait(at) = line.look(*standing, Waker::noop(), now) {
                        prop_assert!(at > now && at <= now + Guard::CEILING + Guard::PATIENCE, "it is looked at again in time");
                    }
                }
            }
            // Whatever was left hanging: looking at the clock is enough, once the server is back.
            line.found(now);
            for _ in 0..=there.len() / Guard::AT_ONCE + 1 {
                now += Guard::PATIENCE;
                line.advance(now);
            }
            for standing in there {
                prop_assert!(may_ask(&mut line, standing, now));
            }
        }
    }
}
