//! The updates of one subscriber: one in flight, and the latest state pending. No clock, no I/O.
//!
//! States that come while an update is in flight are coalesced into one (backpressure), and with a
//! [`Quiescence`] they are debounced.

use crate::{
    caught::discard,
    limits::backoff::Backoff,
    messages::{changed::Reason, quiescence::Quiescence, watch::SkipFirst},
    value::{diff_cache::DiffCache, snapshot::Snapshot, version::Version, view::View},
};

pub(crate) mod acknowledgements;
pub(crate) mod in_flight;
pub(crate) mod input;
pub(crate) mod registration;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

/// The feed of one subscriber. It outlives restarts of its watcher.
pub(crate) struct Subscription<S: Snapshot> {
    view: Option<Arc<View<S::Item>>>,
    // Boxed, since few subscriptions have one.
    quiet: Option<Box<QuietState>>,
    /// Whether the first state counts as seen is not decided yet.
    undecided: Option<Box<Undecided<S>>>,
    /// The state it handled last, or a later one that holds nothing it wants.
    seen: Option<Version<S>>,
    in_flight: Option<(Version<S>, Reason)>,
    pending: Option<PendingUpdate<S>>,
    redelivery: Option<Box<Redelivery<S>>>,
}

/// The shortest time between two reports of panics in one subscriber's code.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Decides whether the first state counts as seen without being delivered.
struct Undecided<S: Snapshot> {
    skip: SkipFirst<S>,
    first: Option<Version<S>>,
}

/// The redelivery after an update was lost or the view panicked.
struct Redelivery<S> {
    /// Paces the updates of a handler that ends with each of them.
    losses: Backoff,
    not_before: Option<Instant>,
    /// The update that was lost last. Its handler had begun and may have had effects, so something is delivered after
    /// it in any case, even the state that was seen before it.
    begun: Option<Version<S>>,
    /// A panic of the view was reported, and it has not returned since.
    panicking: bool,
    /// The time of the last report of a panic.
    reported: Option<Instant>,
}

impl<S> Default for Redelivery<S> {
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

impl<S> Redelivery<S> {
    /// Returns the time of the next attempt.
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
struct PendingUpdate<S> {
    version: Version<S>,
    reason: Reason,
    /// The number of states that were coalesced into it.
    states: u64,
}

/// The debounce.
struct QuietState {
    rule: Quiescence,
    /// The times at which the first and the last of the pending states came.
    came: Option<(Instant, Instant)>,
}

/// The next step for a subscriber.
#[derive(Debug)]
pub(crate) enum NextDelivery<S> {
    /// Nothing is pending, or its handler is still at work.
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
            Box::new(QuietState {
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
            redelivery: None,
        }
    }

    /// Takes a new state, which replaces the pending one. Runs no code of the subscriber.
    pub(crate) fn offer(&mut self, version: &Version<S>, resync: bool, now: Instant) {
        if let Some(undecided) = &mut self.undecided {
            if version.unproven {
                // What it lacks may exist, and would count as removed.
                return;
            }
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
                self.pending = Some(PendingUpdate {
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

    /// Returns whether [`decide_first`](Self::decide_first) has something to decide.
    pub(crate) fn is_undecided(&self) -> bool {
        self.undecided
            .as_ref()
            .is_some_and(|undecided| undecided.first.is_some())
    }

    /// Decides, once, whether the first state counts as seen. Runs code of the subscriber; if that panics, the state
    /// does not count as seen.
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

    /// Returns what to do now; a delivery is in flight from here on. Runs code of the subscriber.
    ///
    /// The comparison goes through `diff_cache`, if other subscribers may need its result too.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        diff_cache: Option<&mut DiffCache<S>>,
    ) -> NextDelivery<S> {
        if self.in_flight.is_some() {
            return NextDelivery::Idle;
        }
        let Some(pending) = &self.pending else {
            return NextDelivery::Idle;
        };
        let not_before = self
            .redelivery
            .as_ref()
            .and_then(|redelivery| redelivery.not_before);
        if let Some(later) = not_before.filter(|later| *later > now) {
            return NextDelivery::Wait(later);
        }
        let mut previous = self.seen.as_ref();
        if let Some(seen) = &self.seen
            && !DiffCache::differ_by(
                diff_cache,
                &seen.value,
                &pending.version.value,
                self.view.as_deref(),
            )
        {
            previous = self.redelivery.as_ref().and_then(|it| it.begun.as_ref());
            if previous.is_none() {
                // It holds nothing that counts. The next state is compared with this one.
                self.seen = self.pending.take().map(|pending| pending.version);
                return self
                    .seen
                    .clone()
                    .map_or(NextDelivery::Idle, NextDelivery::Skipped);
            }
        }
        let previous = previous.cloned();
        let quiet = self.quiet.as_ref().filter(|_| self.seen.is_some());
        let due =
            quiet.and_then(|quiet| quiet.came.map(|(first, last)| quiet.rule.due(first, last)));
        if let Some(due) = due.filter(|due| *due > now) {
            return NextDelivery::Wait(due);
        }
        let Some(PendingUpdate {
            version,
            reason,
            states,
            ..
        }) = self.pending.take()
        else {
            return NextDelivery::Idle;
        };
        let reason = if self.seen.is_none() {
            Reason::First
        } else {
            reason
        };
        self.in_flight = Some((version.clone(), reason));
        NextDelivery::Deliver(Delivery {
            previous,
            current: version,
            reason,
            coalesced: states - 1,
        })
    }

    /// Returns whether nothing is pending and nothing in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.pending.is_none()
    }

    /// Records that the subscriber's handler has finished.
    pub(crate) fn acknowledged(&mut self) {
        if let Some((version, _)) = self.in_flight.take() {
            discard(self.seen.replace(version));
            // The next loss counts as a first one, however soon it comes.
            match &mut self.redelivery {
                Some(redelivery) if redelivery.reported.is_some() => {
                    redelivery.losses.reset();
                    redelivery.not_before = None;
                    discard(redelivery.begun.take());
                }
                redelivery => discard(redelivery.take()),
            }
        }
    }

    /// Records that the view panicked: it runs again at the pace of lost updates.
    pub(crate) fn view_panicked(&mut self, now: Instant) -> NextDelivery<S> {
        let redelivery = self.redelivery.get_or_insert_default();
        NextDelivery::Wait(redelivery.again(now))
    }

    /// Records that the view did not panic.
    pub(crate) fn view_returned(&mut self) {
        if let Some(redelivery) = &mut self.redelivery {
            redelivery.panicking = false;
        }
    }

    /// Returns whether a panic of the view is reported that happens now.
    pub(crate) fn reports_view_panic(&mut self, now: Instant) -> bool {
        let redelivery = self.redelivery.get_or_insert_default();
        if redelivery.panicking
            || redelivery
                .reported
                .is_some_and(|at| now < at + REPORT_INTERVAL)
        {
            return false;
        }
        redelivery.reported = Some(now);
        redelivery.panicking = true;
        true
    }

    /// Records that the update was lost because the subscriber's actor restarted in the middle: it is pending again.
    pub(crate) fn lost(&mut self, now: Instant) {
        let Some((version, reason)) = self.in_flight.take() else {
            return;
        };
        let redelivery = self.redelivery.get_or_insert_default();
        redelivery.again(now);
        discard(redelivery.begun.replace(version.clone()));
        match &mut self.pending {
            None => {
                self.pending = Some(PendingUpdate {
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
        discard(self.redelivery.take());
        discard(self.seen.take());
    }
}
