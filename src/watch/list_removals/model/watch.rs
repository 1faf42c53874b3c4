//! The watch of the model: the order of its requests, and what its subscriber knows.

use super::{
    super::{MAX_READS, Verdicts},
    world::{Case, Chosen, Facts, Kind, List, World},
};
use crate::{
    absence::{self, Absence, Why},
    watch::kv_removals::MAX_REREADS,
};

/// The position of the object in the list.
const AT: usize = 0;

/// An event or a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Cut,
    Grant,
    Delete,
    Create,
    CacheExpires,
    AnotherLeader,
    HeldReadBegins,
    HeldReadEnds,
    PlainRead,
    Proof,
    ProofFails,
}

/// The state of the object for the subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shown {
    Present,
    Hidden,
    Gone,
}

/// The fault of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Finding {
    /// A false removal: the right was given and taken between two fresh lists, a known gap.
    Gap,
    Fault(&'static str),
}

/// The one entry of [`Verdicts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Verdict {
    Open,
    Gone,
    Hidden,
    Readable,
    Unknown,
}

/// The next request of the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Any.
    Idle,
    /// The end of a held read that began with this right.
    Held(bool),
    Plain(Verdict, usize),
    Proof(List, Verdict, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) world: World,
    pub(super) shown: Shown,
    /// The index of the last delivered answer.
    pub(super) known: Option<u64>,
    pub(super) phase: Phase,
    /// Whether the object was absent, or not readable, since the first answer of the query.
    pub(super) was_absent: bool,
    pub(super) was_cut: bool,
    /// The changes of the right since the last list, 2 at most.
    pub(super) flips: u8,
    /// Whether the object existed since the first answer of the query that reported it as removed.
    pub(super) existed: bool,
    /// The fault of the last delivered result.
    pub(super) finding: Option<Finding>,
    /// The number of queries that finished since the world is calm, 2 at most.
    pub(super) finished: u8,
}

impl Verdict {
    pub(super) fn of(verdicts: &Verdicts) -> Self {
        if verdicts.gone.contains(&AT) {
            Self::Gone
        } else if verdicts.hidden.contains(&AT) {
            Self::Hidden
        } else if verdicts.readable.contains_key(&AT) {
            Self::Readable
        } else if verdicts.unknown.contains(&AT) {
            Self::Unknown
        } else {
            Self::Open
        }
    }

    pub(super) fn verdicts(self) -> Verdicts {
        let mut verdicts = Verdicts::default();
        match self {
            Self::Open => {}
            Self::Gone => _ = verdicts.gone.insert(AT),
            Self::Hidden => _ = verdicts.hidden.insert(AT),
            Self::Unknown => _ = verdicts.unknown.insert(AT),
            Self::Readable => {
                let readable = Absence::Unproven(Why::Readable);
                _ = verdicts.readable.insert(AT, readable);
            }
        }
        verdicts
    }
}

impl State {
    pub(super) fn new() -> Self {
        let now = Facts {
            exists: true,
            readable: true,
            index: 7,
        };
        Self {
            world: World {
                now,
                before: now,
                lags: false,
                cached: true,
                calm: false,
            },
            shown: Shown::Present,
            known: Some(now.index),
            phase: Phase::Idle,
            was_absent: false,
            was_cut: false,
            flips: 0,
            existed: false,
            finding: None,
            finished: 0,
        }
    }

    /// Returns what may follow.
    pub(super) fn next(self, case: Case) -> Vec<(Step, Self)> {
        let mut all = self.events();
        all.extend(self.requests(case));
        if let Phase::Proof(list, verdict, reads) = self.phase {
            let mut failed = self;
            failed.proven(case, list, verdict, reads, absence::of_other_status());
            all.push((Step::ProofFails, failed));
        }
        all
    }

    pub(super) fn events(self) -> Vec<(Step, Self)> {
        let World { now, lags, .. } = self.world;
        let event = |step, change: &dyn Fn(&mut World)| {
            let mut next = self;
            change(&mut next.world);
            next.was_absent |= !next.world.now.exists;
            next.was_cut |= !next.world.now.readable;
            next.existed |= next.world.now.exists;
            next.flips += u8::from(next.world.now.readable != now.readable && next.flips < 2);
            (step, next)
        };
        let exists = |exists| {
            move |world: &mut World| {
                world.write(|facts| {
                    facts.exists = exists;
                    facts.index += 1;
                });
            }
        };
        let readable =
            |readable| move |world: &mut World| world.write(|facts| facts.readable = readable);
        let mut all = vec![
            if now.readable {
                event(Step::Cut, &readable(false))
            } else {
                event(Step::Grant, &readable(true))
            },
            if now.exists {
                event(Step::Delete, &exists(false))
            } else {
                event(Step::Create, &exists(true))
            },
            event(Step::CacheExpires, &|world| world.cached = now.readable),
        ];
        if !lags {
            all.push(event(Step::AnotherLeader, &|world| world.lags = true));
        }
        all
    }

    /// Returns the states after the next request of the watch, one for each answer that it may have.
    pub(super) fn requests(self, case: Case) -> Vec<(Step, Self)> {
        let mut next = self;
        match self.phase {
            Phase::Idle => {
                let mut held = self;
                held.phase = Phase::Held(self.world.now.readable);
                let consistent = case.is_consistent(false);
                let fresh = absence::is_fresh(false, consistent);
                let list = next.world.plain(consistent, fresh);
                next.begin();
                next.listed(case, list, Verdict::Open, 0);
                vec![(Step::HeldReadBegins, held), (Step::PlainRead, next)]
            }
            Phase::Held(began) => {
                let consistent = case.is_consistent(true);
                let lists = self.world.held(began, self.known, consistent);
                let answer = |list: List| {
                    let mut next = self;
                    next.begin();
                    if absence::is_doubtful(self.known, list.index) {
                        next.phase = Phase::Plain(Verdict::Open, 0);
                    } else {
                        next.listed(case, list, Verdict::Open, 0);
                    }
                    (Step::HeldReadEnds, next)
                };
                lists.into_iter().map(answer).collect()
            }
            Phase::Plain(verdict, reads) => {
                // Lists of keys are read again as the user chose, others always `consistent`.
                let consistent = case.is_bracketed() || case.is_consistent(false);
                let list = next.world.plain(consistent, true);
                next.listed(case, list, verdict, reads);
                vec![(Step::PlainRead, next)]
            }
            Phase::Proof(list, verdict, reads) => {
                let absence = case.proof(self.world.now, list);
                next.world.lags = false;
                next.proven(case, list, verdict, reads, absence);
                vec![(Step::Proof, next)]
            }
        }
    }

    /// The first answer of a query.
    pub(super) fn begin(&mut self) {
        self.was_absent = !self.world.now.exists;
        self.was_cut = !self.world.now.readable;
        if self.shown != Shown::Gone {
            self.existed = self.world.now.exists;
        }
    }

    pub(super) fn listed(&mut self, case: Case, list: List, verdict: Verdict, reads: usize) {
        if list.has {
            self.finish(case, list, Shown::Present);
        } else if self.shown == Shown::Gone {
            self.finish(case, list, Shown::Gone);
        } else if !case.is_bracketed() {
            let is_shared = case.kind == Kind::SharedKey;
            if is_shared && absence::of_wider_list().is_proven() {
                self.finish(case, list, Shown::Gone);
            } else {
                self.phase = Phase::Proof(list, verdict, reads);
            }
        } else {
            let mut verdicts = verdict.verdicts();
            let open = verdicts.open(&[AT], list.fresh);
            let verdict = Verdict::of(&verdicts);
            if open.is_empty() {
                self.settle(case, list, verdict);
            } else if !list.fresh && self.shown != Shown::Hidden {
                self.read_again(case, list, verdict, reads, MAX_READS);
            } else {
                self.phase = Phase::Proof(list, verdict, reads);
            }
        }
        self.flips = 0;
    }

    pub(super) fn proven(
        &mut self,
        case: Case,
        list: List,
        verdict: Verdict,
        reads: usize,
        what: Absence,
    ) {
        if case.is_bracketed() {
            let mut verdicts = verdict.verdicts();
            verdicts.judged(AT, what, list.fresh);
            let verdict = Verdict::of(&verdicts);
            if verdicts.need_list(list.fresh) {
                self.read_again(case, list, verdict, reads, MAX_READS);
            } else {
                self.settle(case, list, verdict);
            }
        } else if what == Absence::Unproven(Why::Present) {
            self.read_again(case, list, verdict, reads, MAX_REREADS);
        } else {
            let shown = match what {
                Absence::Proven => Shown::Gone,
                Absence::Unproven(Why::Hidden) => Shown::Hidden,
                Absence::Unproven(_) => self.shown,
            };
            self.finish(case, list, shown);
        }
    }

    pub(super) fn read_again(
        &mut self,
        case: Case,
        list: List,
        verdict: Verdict,
        reads: usize,
        max: usize,
    ) {
        if reads == max {
            self.settle(case, list, verdict);
        } else {
            self.phase = Phase::Plain(verdict, reads + 1);
        }
    }

    pub(super) fn settle(&mut self, case: Case, list: List, verdict: Verdict) {
        let shown = match verdict {
            Verdict::Gone => Shown::Gone,
            Verdict::Hidden => Shown::Hidden,
            Verdict::Open | Verdict::Readable | Verdict::Unknown => self.shown,
        };
        self.finish(case, list, shown);
    }

    /// Delivers the result of a query, and checks it.
    pub(super) fn finish(&mut self, case: Case, list: List, shown: Shown) {
        let is_new = shown != self.shown;
        let is_stale = case.chosen == Chosen::Stale;
        self.finding = match shown {
            Shown::Gone if !is_new || self.was_absent => None,
            Shown::Gone if case.is_bracketed() && self.flips == 2 => Some(Finding::Gap),
            Shown::Gone => Some(Finding::Fault("a false removal")),
            Shown::Hidden if is_new && !self.was_cut => Some(Finding::Fault("a false mark")),
            // A subscriber that chose stale reads may see older data.
            Shown::Present if self.shown == Shown::Gone && !self.existed && !is_stale => {
                Some(Finding::Fault("a false addition"))
            }
            Shown::Hidden | Shown::Present => None,
        };
        self.shown = shown;
        self.known = list.index;
        self.phase = Phase::Idle;
        self.was_absent = false;
        self.was_cut = false;
        self.finished = 2.min(self.finished + u8::from(self.world.calm));
    }

    /// Returns the state from which on nothing changes any more.
    pub(super) fn settled(mut self, exists: bool, readable: bool) -> Self {
        let index = self.world.now.index + u64::from(exists != self.world.now.exists);
        let flips = u8::from(readable != self.world.now.readable);
        self.flips = 2.min(self.flips + flips);
        let now = Facts {
            exists,
            readable,
            index,
        };
        self.world = World {
            now,
            before: now,
            lags: false,
            cached: readable,
            calm: true,
        };
        self.was_absent |= !exists;
        self.was_cut |= !readable;
        self.existed |= exists;
        self.finished = 0;
        self
    }

    /// Returns what is wrong with what the subscriber knows in the end.
    pub(super) fn wrong_in_the_end(&self, case: Case) -> Option<&'static str> {
        let Facts {
            exists, readable, ..
        } = self.world.now;
        match (exists, readable, self.shown) {
            (true, true, Shown::Present) | (false, true, Shown::Gone) => None,
            (true, true, _) => Some("an object that is never shown"),
            (false, true, _) => Some("a removal that is never reported"),
            (_, false, Shown::Present) => Some("a cut that is never noticed"),
            // Whether an object exists is known without the right to it, whether a key does is not.
            (false, false, Shown::Hidden) if case.kind == Kind::Object => {
                Some("a removal that is never reported")
            }
            (_, false, _) => None,
        }
    }
}
