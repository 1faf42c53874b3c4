//! [`TaskQueue`]: the order in which a handler handles states, and the coalescing of those that wait.
//!
//! It knows no clock and does no I/O. Its invariants, for each stream of states:
//!
//! - The newest state is handled, unless its caller gives it up.
//! - A state that was handled is not handled again, and none is handled after a newer one unless they run in
//!   parallel.
//! - Each state is acknowledged exactly once, as soon as the mode allows.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

use tokio::time::Instant;

/// The number of tasks that run at a time, and of those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueMode {
    /// One; only the newest of each stream waits.
    Coalesce,
    /// One; this many wait in order, and behind them one that a newer one replaces.
    Queue(usize),
    /// This many; only the newest of each stream waits.
    Parallel(usize),
    /// One of each stream; only the newest of it waits.
    PerStream,
}

/// The handling of one state.
pub(super) trait Task {
    /// The identity of a stream. States of one stream may replace each other.
    type Stream: Clone + Eq + Hash;

    fn stream(&self) -> &Self::Stream;

    /// Takes the place of an older one that was not handled.
    fn supersede(&mut self, older: Self);

    /// Lets the sender continue. The second time it does nothing.
    fn acknowledge(&mut self);
}

/// The number of a task that runs.
pub(super) type TaskId = u64;

/// When a failed task is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryAt {
    pub(super) at: Instant,
    /// Whether a newer state has to wait for that time too, since the receiver asked for the pause.
    pub(super) binding: bool,
}

/// The next thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextTask<T> {
    /// Nothing, until a task ends or arrives.
    Idle,
    /// Ask again at this time.
    Wait(Instant),
    /// Run this task.
    Run(TaskId, T),
}

/// The tasks that wait, and the streams of those that run.
#[derive(Debug)]
pub(super) struct TaskQueue<T: Task> {
    mode: QueueMode,
    waiting: VecDeque<QueuedTask<T>>,
    /// The streams of which at least one task runs.
    running: HashMap<T::Stream, RunningTasks>,
    /// The number of tasks that run.
    count: usize,
    last: TaskId,
}

#[derive(Debug)]
struct RunningTasks {
    count: usize,
    newest: TaskId,
}

#[derive(Debug)]
struct QueuedTask<T> {
    task: T,
    not_before: Instant,
    /// Whether `not_before` holds for a newer task too.
    binding: bool,
    /// Whether it was run and failed.
    failed: bool,
    /// Whether it was acknowledged.
    acknowledged: bool,
}

impl<T: Task> TaskQueue<T> {
    pub(super) fn new(mode: QueueMode) -> Self {
        Self {
            mode,
            waiting: VecDeque::new(),
            running: HashMap::new(),
            count: 0,
            last: 0,
        }
    }

    /// Returns the number of tasks that wait, including those that are to be retried.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the number of tasks that run.
    pub(super) fn running(&self) -> usize {
        self.count
    }

    /// Whether at most one task of each stream waits.
    fn coalesces(&self) -> bool {
        !matches!(self.mode, QueueMode::Queue(_))
    }

    /// Takes a new task, to be run no sooner than `not_before`.
    pub(super) fn arrived(&mut self, mut task: T, not_before: Instant) {
        let older = self
            .waiting
            .iter()
            .rposition(|waiting| waiting.task.stream() == task.stream());
        let older = older.filter(|&at| match self.mode {
            QueueMode::Queue(most) => at >= most && !self.waiting[at].acknowledged,
            _ => true,
        });
        if let Some(place) = older.and_then(|at| self.waiting.get_mut(at)) {
            // A newer state does not wait for the pause after a failure, nor for a second splay.
            if place.failed && !place.binding {
                place.not_before = not_before;
            }
            (place.failed, place.acknowledged) = (false, false);
            let older = std::mem::replace(&mut place.task, task);
            place.task.supersede(older);
        } else {
            let acknowledged =
                matches!(self.mode, QueueMode::Queue(most) if self.waiting.len() < most);
            if acknowledged {
                task.acknowledge();
            }
            self.waiting.push_back(QueuedTask {
                task,
                not_before,
                binding: false,
                failed: false,
                acknowledged,
            });
        }
    }

    /// Returns what to do now. A task that is handed out runs from here on.
    pub(super) fn next(&mut self, now: Instant) -> NextTask<T> {
        let slots = match self.mode {
            QueueMode::Coalesce | QueueMode::Queue(_) => 1,
            QueueMode::Parallel(most) => most,
            QueueMode::PerStream => usize::MAX,
        };
        if self.count >= slots {
            return NextTask::Idle;
        }
        let eligible = (0..self.waiting.len()).filter(|&at| self.may_run(at));
        let Some(at) = eligible.min_by_key(|&at| self.waiting[at].not_before.max(now)) else {
            return NextTask::Idle;
        };
        if self.waiting[at].not_before > now {
            return NextTask::Wait(self.waiting[at].not_before);
        }
        let Some(QueuedTask { mut task, .. }) = self.waiting.remove(at) else {
            return NextTask::Idle;
        };
        match self.mode {
            QueueMode::Coalesce | QueueMode::PerStream => {}
            QueueMode::Parallel(_) => task.acknowledge(),
            QueueMode::Queue(most) => {
                for waiting in self.waiting.iter_mut().take(most) {
                    waiting.task.acknowledge();
                    waiting.acknowledged = true;
                }
                // It leaves room for the next sender.
                task.acknowledge();
            }
        }
        let id = self.last + 1;
        (self.last, self.count) = (id, self.count + 1);
        self.running
            .entry(task.stream().clone())
            .and_modify(|running| (running.count, running.newest) = (running.count + 1, id))
            .or_insert(RunningTasks {
                count: 1,
                newest: id,
            });
        NextTask::Run(id, task)
    }

    /// Whether the order of its stream lets a waiting task run.
    fn may_run(&self, at: usize) -> bool {
        let stream = self.waiting[at].task.stream();
        match self.mode {
            QueueMode::Coalesce | QueueMode::Parallel(_) => true,
            QueueMode::PerStream => !self.running.contains_key(stream),
            QueueMode::Queue(_) => {
                let mut earlier = self.waiting.iter().take(at);
                !earlier.any(|earlier| earlier.task.stream() == stream)
            }
        }
    }

    /// Takes back a task that has ended, and that is retried at `retry` if it failed and is not given up.
    pub(super) fn ended(&mut self, id: TaskId, mut task: T, retry: Option<RetryAt>) {
        let mut superseded = false;
        if let Some(running) = self.running.get_mut(task.stream()) {
            superseded = running.newest > id;
            running.count -= 1;
            self.count -= 1;
            if running.count == 0 {
                self.running.remove(task.stream());
            }
        }
        task.acknowledge();
        let Some(RetryAt { at, binding }) = retry.filter(|_| !superseded) else {
            return;
        };
        let coalesces = self.coalesces();
        let newer = self
            .waiting
            .iter_mut()
            .find(|waiting| coalesces && waiting.task.stream() == task.stream());
        if let Some(newer) = newer {
            if binding {
                newer.not_before = newer.not_before.max(at);
                newer.binding = true;
            }
            newer.task.supersede(task);
        } else {
            self.waiting.push_front(QueuedTask {
                task,
                not_before: at,
                binding,
                failed: true,
                acknowledged: true,
            });
        }
    }

    /// Gives up all tasks that wait, without an acknowledgement.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}
