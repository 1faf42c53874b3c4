//! What is run when. No clock, no I/O.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

use tokio::time::Instant;

/// How many runs at a time, and what becomes of the states that come meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One; only the newest state waits.
    Fold,
    /// One; so many states wait, and then one that is replaced.
    Queue(usize),
    /// So many; only the newest state waits.
    Parallel(usize),
}

/// Something to be run.
pub(super) trait Task {
    /// Which of them may take each other's place.
    type Lane: Clone + Eq + Hash;

    fn lane(&self) -> &Self::Lane;

    /// Takes the place of an older one that was not handled.
    fn cover(&mut self, older: Self);

    /// Lets the next one come. The second time it does nothing.
    fn acknowledge(&mut self);
}

/// The number of a run.
pub(super) type Ticket = u64;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// Nothing, until something ends or comes.
    Idle,
    /// Look again at this time.
    Wait(Instant),
    /// Run this.
    Run(Ticket, T),
}

/// Who waits and who runs.
#[derive(Debug)]
pub(super) struct Schedule<T: Task> {
    mode: Mode,
    waiting: VecDeque<Waiting<T>>,
    running: HashMap<Ticket, T::Lane>,
    /// The newest run of each lane that runs.
    newest: HashMap<T::Lane, Ticket>,
    last: Ticket,
}

#[derive(Debug)]
struct Waiting<T> {
    task: T,
    not_before: Instant,
    /// It has been run and has failed.
    failed: bool,
    /// Its sender has been let go on.
    acknowledged: bool,
}

impl<T: Task> Schedule<T> {
    pub(super) fn new(mode: Mode) -> Self {
        let (running, newest) = (HashMap::new(), HashMap::new());
        Self {
            mode,
            waiting: VecDeque::new(),
            running,
            newest,
            last: 0,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// A new state, to be run no sooner than this.
    pub(super) fn arrived(&mut self, mut task: T, not_before: Instant) {
        let older = self
            .waiting
            .iter()
            .rposition(|waiting| waiting.task.lane() == task.lane());
        let older = older.filter(|&at| match self.mode {
            Mode::Fold | Mode::Parallel(_) => true,
            Mode::Queue(most) => at >= most && !self.waiting[at].acknowledged,
        });
        if let Some(place) = older.and_then(|at| self.waiting.get_mut(at)) {
            // A newer state does not wait for the pause of one that has failed, nor for a second splay.
            place.not_before = if place.failed {
                not_before
            } else {
                place.not_before
            };
            (place.failed, place.acknowledged) = (false, false);
            let older = std::mem::replace(&mut place.task, task);
            place.task.cover(older);
        } else {
            let acknowledged = matches!(self.mode, Mode::Queue(most) if self.waiting.len() < most);
            if acknowledged {
                task.acknowledge();
            }
            self.waiting.push_back(Waiting {
                task,
                not_before,
                failed: false,
                acknowledged,
            });
        }
    }

    /// What to do now; what is handed out is running from here on.
    pub(super) fn next(&mut self, now: Instant) -> Next<T> {
        let slots = match self.mode {
            Mode::Fold | Mode::Queue(_) => 1,
            Mode::Parallel(most) => most,
        };
        if self.running.len() >= slots {
            return Next::Idle;
        }
        // In a queue a lane keeps its order: only its first may go.
        let first_of_lane = |at: usize| {
            let lane = self.waiting[at].task.lane();
            !self
                .waiting
                .iter()
                .take(at)
                .any(|earlier| earlier.task.lane() == lane)
        };
        let firsts = (0..self.waiting.len()).filter(|&at| first_of_lane(at));
        let Some(at) = firsts.min_by_key(|&at| self.waiting[at].not_before.max(now)) else {
            return Next::Idle;
        };
        if self.waiting[at].not_before > now {
            return Next::Wait(self.waiting[at].not_before);
        }
        let Some(Waiting { mut task, .. }) = self.waiting.remove(at) else {
            return Next::Idle;
        };
        match self.mode {
            Mode::Fold => {}
            Mode::Parallel(_) => task.acknowledge(),
            Mode::Queue(most) => {
                for waiting in self.waiting.iter_mut().take(most) {
                    waiting.task.acknowledge();
                    waiting.acknowledged = true;
                }
                // It makes room by going, so whoever waits behind it may come.
                task.acknowledge();
            }
        }
        self.last += 1;
        self.running.insert(self.last, task.lane().clone());
        self.newest.insert(task.lane().clone(), self.last);
        Next::Run(self.last, task)
    }

    /// A run has ended; it is tried again no sooner than `again`.
    pub(super) fn ended(&mut self, ticket: Ticket, mut task: T, again: Option<Instant>) {
        let superseded = self
            .newest
            .get(task.lane())
            .is_some_and(|newest| *newest > ticket);
        self.running.remove(&ticket);
        if !self.running.values().any(|lane| lane == task.lane()) {
            self.newest.remove(task.lane());
        }
        task.acknowledge();
        let Some(not_before) = again.filter(|_| !superseded) else {
            return;
        };
        let newer = self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.task.lane() == task.lane());
        if let (Mode::Fold | Mode::Parallel(_), Some(newer)) = (self.mode, newer) {
            newer.task.cover(task);
        } else {
            self.waiting.push_front(Waiting {
                task,
                not_before,
                failed: true,
                acknowledged: true,
            });
        }
    }

    /// Gives up all that waits, without an acknowledgement.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
