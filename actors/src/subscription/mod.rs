//! What one subscriber is owed: one update in flight, the latest state waiting. No clock, no I/O.

pub(crate) mod acknowledgements;
pub(crate) mod in_flight;
pub(crate) mod quiescence;
pub(crate) mod subscriber;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    Backoff, Quiescence, Reason, Snapshot, View, caught::discard, compared::Compared,
    progress::Version,
};

/// Decides whether a first state counts as seen.
pub(crate) type SkipFirst<S> = Arc<dyn Fn(&S) -> bool + Send + Sync>;

/// Learns of a state that was not delivered, and of its index.
pub(crate) type OnSkipped<S> = Arc<dyn Fn(&Arc<S>, u64) + Send + Sync>;

/// The feed of one subscriber. It outlives restarts of its watcher.
pub(crate) struct Subscription<S: Snapshot> {
    view: Option<Arc<View<S::Item>>>,
    // What few subscriptions have is not room in each.
    quiet: Option<Box<Quiet>>,
    /// Whether the first state counts as seen is not decided yet.
    undecided: Option<Box<Undecided<S>>>,
    /// What it was shown last, or what was looked at for it since and held nothing it wants.
    seen: Option<Version<S>>,
    in_flight: Option<(Version<S>, Reason)>,
    pending: Option<Pending<S>>,
    trouble: Option<Box<Trouble<S>>>,
}

/// How often a panic of one subscriber's code is reported at most.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Decides whether the first state counts as seen without being delivered.
struct Undecided<S: Snapshot> {
    skip: SkipFirst<S>,
    first: Option<Version<S>>,
}

/// Deliveries were lost, or the view has panicked.
struct Trouble<S> {
    /// A handler that dies on its message is given it again, at a pace that harms nobody.
    losses: Backoff,
    not_before: Option<Instant>,
    /// What was lost last. Its handler had begun, so its effects may be there: something is delivered after it
    /// in any case, even what was seen before it.
    begun: Option<Version<S>>,
    /// The view panicked when it ran last.
    panicking: bool,
    /// When a panic was reported last.
    reported: Option<Instant>,
}

impl<S> Default for Trouble<S> {
    fn default() -> Self {
        Self {
            losses: Backoff::default(),
            not_before: None,
            begun: None,
            panicking: false,
            reported: None,
        }
    }
}

impl<S> Trouble<S> {
    /// Once more: when to go on.
    fn again(&mut self, now: Instant) -> Instant {
        *self.not_before.insert(now + self.losses.failed(now))
    }
}

impl<S: Snapshot> fmt::Debug for Subscription<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = |version: &Version<S>| version.index;
        f.debug_struct("Subscription")
            .field("seen", &self.seen.as_ref().map(index))
            .field(
                "in_flight",
                &self.in_flight.as_ref().map(|(version, _)| version.index),
            )
            .field(
                "pending",
                &self.pending.as_ref().map(|pending| pending.version.index),
            )
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Pending<S> {
    version: Version<S>,
    reason: Reason,
    /// How many states it stands for.
    states: u64,
}

/// It waits for quiet.
struct Quiet {
    rule: Quiescence,
    /// When the first and the last of what is pending came.
    came: Option<(Instant, Instant)>,
}

/// What to do for a subscriber now.
#[derive(Debug)]
pub(crate) enum Next<S> {
    /// Nothing is owed, or its handler is still at work.
    Idle,
    /// Nothing: this state holds nothing that counts for the subscriber.
    Skipped(Version<S>),
    /// Look again at this time.
    Wait(Instant),
    /// Send this.
    Deliver(Delivery<S>),
}

/// One update.
#[derive(Debug)]
pub(crate) struct Delivery<S> {
    pub(crate) previous: Option<Version<S>>,
    pub(crate) current: Version<S>,
    pub(crate) reason: Reason,
    pub(crate) coalesced: u64,
}

impl<S: Snapshot> Subscription<S> {
    pub(crate) fn new(
        view: Option<Arc<View<S::Item>>>,
        quiescence: Option<Box<Quiescence>>,
        skip_first: Option<SkipFirst<S>>,
    ) -> Self {
        let quiet = quiescence.map(|rule| {
            Box::new(Quiet {
                rule: *rule,
                came: None,
            })
        });
        Self {
            view,
            quiet,
            undecided: skip_first.map(|skip| Box::new(Undecided { skip, first: None })),
            seen: None,
            in_flight: None,
            pending: None,
            trouble: None,
        }
    }

    /// A new state: it replaces the one that waits. Runs no code of the subscriber.
    pub(crate) fn offer(&mut self, version: &Version<S>, resync: bool, now: Instant) {
        if let Some(undecided) = &mut self.undecided {
            undecided.first.get_or_insert_with(|| version.clone());
        }
        let reason = if resync {
            Reason::Resync
        } else {
            Reason::Change
        };
        if let Some(quiet) = &mut self.quiet {
            let first = quiet
                .came
                .filter(|_| self.pending.is_some())
                .map_or(now, |(first, _)| first);
            quiet.came = Some((first, now));
        }
        match &mut self.pending {
            None => {
                let version = version.clone();
                self.pending = Some(Pending {
                    version,
                    reason,
                    states: 1,
                });
            }
            Some(pending) => {
                discard(std::mem::replace(&mut pending.version, version.clone()));
                pending.reason = pending.reason.max(reason);
                pending.states += 1;
            }
        }
    }

    /// Whether [`decide_first`](Self::decide_first) has something to decide.
    pub(crate) fn is_undecided(&self) -> bool {
        self.undecided
            .as_ref()
            .is_some_and(|undecided| undecided.first.is_some())
    }

    /// Decides, once, whether the first state counts as seen. Runs code of the subscriber: after a panic it
    /// does not.
    pub(crate) fn decide_first(&mut self) {
        let Some(undecided) = self
            .undecided
            .take_if(|undecided| undecided.first.is_some())
        else {
            return;
        };
        let Undecided { skip, first } = *undecided;
        let Some(first) = first.filter(|first| skip(&first.value)) else {
            return;
        };
        self.seen = Some(first);
        if let Some(pending) = &mut self.pending {
            pending.states -= 1;
            if pending.states == 0 {
                self.pending = None;
            }
        }
    }

    /// What to do now; a delivery is in flight from here on. Runs code of the subscriber.
    pub(crate) fn next(&mut self, now: Instant, compared: &mut Compared<S>) -> Next<S> {
        if self.in_flight.is_some() {
            return Next::Idle;
        }
        let Some(pending) = &self.pending else {
            return Next::Idle;
        };
        let not_before = self.trouble.as_ref().and_then(|trouble| trouble.not_before);
        if let Some(later) = not_before.filter(|later| *later > now) {
            return Next::Wait(later);
        }
        let mut previous = self.seen.as_ref();
        if let Some(seen) = &self.seen
            && !compared.differ(&seen.value, &pending.version.value, self.view.as_deref())
        {
            previous = self.trouble.as_ref().and_then(|it| it.begun.as_ref());
            if previous.is_none() {
                // Looked at and found without news: what comes next is compared with this one.
                self.seen = self.pending.take().map(|pending| pending.version);
                return self.seen.clone().map_or(Next::Idle, Next::Skipped);
            }
        }
        let previous = previous.cloned();
        let quiet = self.quiet.as_ref().filter(|_| self.seen.is_some());
        let due =
            quiet.and_then(|quiet| quiet.came.map(|(first, last)| quiet.rule.due(first, last)));
        if let Some(due) = due.filter(|due| *due > now) {
            return Next::Wait(due);
        }
        let Some(Pending {
            version,
            reason,
            states,
            ..
        }) = self.pending.take()
        else {
            return Next::Idle;
        };
        let reason = if self.seen.is_none() {
            Reason::First
        } else {
            reason
        };
        self.in_flight = Some((version.clone(), reason));
        Next::Deliver(Delivery {
            previous,
            current: version,
            reason,
            coalesced: states - 1,
        })
    }

    /// Whether nothing is owed, and nothing in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.pending.is_none()
    }

    /// The subscriber's handler has finished.
    pub(crate) fn acknowledged(&mut self) {
        if let Some((version, _)) = self.in_flight.take() {
            discard(self.seen.replace(version));
            // Health need not last: the next loss is a first one.
            match &mut self.trouble {
                Some(trouble) if trouble.reported.is_some() => {
                    trouble.losses.reset();
                    trouble.not_before = None;
                    discard(trouble.begun.take());
                }
                trouble => discard(trouble.take()),
            }
        }
    }

    /// The view has panicked: it runs again at the pace of lost deliveries.
    pub(crate) fn view_panicked(&mut self, now: Instant) -> Next<S> {
        let trouble = self.trouble.get_or_insert_default();
        trouble.panicking = true;
        Next::Wait(trouble.again(now))
    }

    /// The view did not panic.
    pub(crate) fn view_returned(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.panicking = false;
        }
    }

    /// Whether a panic is to be reported that happens now, before it is recorded.
    pub(crate) fn may_report(&mut self, now: Instant) -> bool {
        let trouble = self.trouble.get_or_insert_default();
        if trouble.panicking
            || trouble
                .reported
                .is_some_and(|at| now < at + REPORT_INTERVAL)
        {
            return false;
        }
        trouble.reported = Some(now);
        true
    }

    /// The subscriber lost the message (its actor restarted in the middle): it is owed again.
    pub(crate) fn lost(&mut self, now: Instant) {
        let Some((version, reason)) = self.in_flight.take() else {
            return;
        };
        let trouble = self.trouble.get_or_insert_default();
        trouble.again(now);
        discard(trouble.begun.replace(version.clone()));
        match &mut self.pending {
            None => {
                self.pending = Some(Pending {
                    version,
                    reason,
                    states: 1,
                });
                if let Some(quiet) = &mut self.quiet {
                    quiet.came = Some((now, now));
                }
            }
            Some(pending) => {
                pending.reason = pending.reason.max(reason);
                pending.states += 1;
            }
        }
    }
}

/// Values and closures are an application's, and so are their destructors.
impl<S: Snapshot> Drop for Subscription<S> {
    fn drop(&mut self) {
        discard(self.view.take());
        discard(self.undecided.take());
        discard(self.in_flight.take());
        discard(self.pending.take());
        discard(self.trouble.take());
        discard(self.seen.take());
    }
}
