//! What one subscriber is owed: one update in flight, the latest state waiting. No clock, no I/O.

pub(crate) mod acknowledgements;
pub(crate) mod in_flight;
pub(crate) mod quiescence;
pub(crate) mod subscriber;

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{Backoff, Quiescence, Reason, Snapshot, View, compared::Compared, progress::Version};

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
                pending.version = version.clone();
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
            self.seen = Some(version);
            // Health need not last: the next loss is a first one.
            match &mut self.trouble {
                Some(trouble) if trouble.reported.is_some() => {
                    trouble.losses.reset();
                    trouble.not_before = None;
                    trouble.begun = None;
                }
                trouble => *trouble = None,
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
        trouble.begun = Some(version.clone());
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::Table;

    fn version(table: &Table, index: u64) -> Version<Table> {
        Version {
            value: Arc::new(table.clone()),
            index,
        }
    }

    fn plain() -> Subscription<Table> {
        Subscription::new(None, None, None)
    }

    fn delivery(next: Next<Table>) -> Delivery<Table> {
        match next {
            Next::Deliver(delivery) => delivery,
            other => panic!("expected a delivery, got {other:?}"),
        }
    }

    #[test]
    fn states_in_between_are_folded_and_the_delta_is_from_what_was_seen() {
        let now = Instant::now();
        let mut feed = plain();
        feed.offer(&version(&Table::of(&[("a", 1, 1)]), 1), false, now);
        let first = delivery(feed.next(now, &mut Compared::default()));
        assert_eq!(
            (first.reason, first.coalesced, first.previous.is_none()),
            (Reason::First, 0, true)
        );
        for value in 2..5 {
            feed.offer(
                &version(&Table::of(&[("a", value, value)]), value),
                false,
                now,
            );
            assert!(
                matches!(feed.next(now, &mut Compared::default()), Next::Idle),
                "one in flight at most"
            );
        }
        feed.acknowledged();
        let second = delivery(feed.next(now, &mut Compared::default()));
        assert_eq!((second.reason, second.coalesced), (Reason::Change, 2));
        assert_eq!(
            (second.previous.unwrap().index, second.current.index),
            (1, 4)
        );
    }

    #[test]
    fn a_change_that_was_taken_back_in_flight_is_none() {
        let now = Instant::now();
        let mut feed = plain();
        let (a, b) = (Table::of(&[("a", 1, 1)]), Table::of(&[("a", 2, 2)]));
        feed.offer(&version(&a, 1), false, now);
        delivery(feed.next(now, &mut Compared::default()));
        feed.offer(&version(&b, 2), false, now);
        feed.offer(&version(&a, 3), false, now);
        feed.acknowledged();
        assert!(matches!(
            feed.next(now, &mut Compared::default()),
            Next::Skipped(version) if version.index == 3
        ));
    }

    #[test]
    fn changes_only_skips_the_first_state() {
        let now = Instant::now();
        let mut feed = Subscription::new(None, None, Some(Arc::new(|_: &Table| true)));
        feed.offer(&version(&Table::of(&[("a", 1, 1)]), 1), false, now);
        feed.decide_first();
        assert!(matches!(
            feed.next(now, &mut Compared::default()),
            Next::Idle
        ));
        feed.offer(&version(&Table::of(&[]), 2), false, now);
        let removed = delivery(feed.next(now, &mut Compared::default()));
        assert_eq!(removed.previous.unwrap().index, 1);
    }

    #[test]
    fn a_lost_delivery_is_owed_again_after_a_pause() {
        let now = Instant::now();
        let mut feed = plain();
        feed.offer(&version(&Table::of(&[("a", 1, 1)]), 1), false, now);
        delivery(feed.next(now, &mut Compared::default()));
        feed.lost(now);
        let later = now + Backoff::DEFAULT_CEILING;
        assert_eq!(
            delivery(feed.next(later, &mut Compared::default()))
                .current
                .index,
            1
        );
    }

    #[test]
    fn what_was_begun_and_lost_is_undone_by_the_value_before_it() {
        let now = Instant::now();
        let mut feed = plain();
        let (a, b) = (Table::of(&[("a", 1, 1)]), Table::of(&[("a", 2, 2)]));
        feed.offer(&version(&a, 1), false, now);
        delivery(feed.next(now, &mut Compared::default()));
        feed.acknowledged();
        feed.offer(&version(&b, 2), false, now);
        delivery(feed.next(now, &mut Compared::default()));
        feed.offer(&version(&a, 3), false, now);
        feed.lost(now);
        let later = now + Backoff::DEFAULT_CEILING;
        let undone = delivery(feed.next(later, &mut Compared::default()));
        assert_eq!(
            (undone.previous.unwrap().index, undone.current.index),
            (2, 3)
        );
        feed.acknowledged();
        feed.offer(&version(&a, 4), false, later);
        assert!(matches!(
            feed.next(later, &mut Compared::default()),
            Next::Skipped(_)
        ));
    }

    #[test]
    fn quiet_is_waited_for_but_not_by_the_first_value() {
        let now = Instant::now();
        let quiet = Quiescence::new(Duration::from_secs(1));
        let mut feed = Subscription::new(None, Some(Box::new(quiet)), None);
        feed.offer(&version(&Table::of(&[("a", 1, 1)]), 1), false, now);
        delivery(feed.next(now, &mut Compared::default()));
        feed.acknowledged();
        feed.offer(&version(&Table::of(&[("a", 2, 2)]), 2), false, now);
        let Next::Wait(due) = feed.next(now, &mut Compared::default()) else {
            panic!("it should wait for quiet")
        };
        assert_eq!(due, now + Duration::from_secs(1));
        assert_eq!(
            delivery(feed.next(due, &mut Compared::default()))
                .current
                .index,
            2
        );
    }

    #[derive(Debug, Clone)]
    enum Event {
        Offer(Table),
        Acknowledge,
        Lose,
        Pass,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => Table::any().prop_map(Event::Offer),
            3 => Just(Event::Acknowledge),
            1 => Just(Event::Lose),
            1 => Just(Event::Pass),
        ]
    }

    proptest! {
        /// The promise: the latest state always arrives, in order, never twice in a row.
        #[test]
        fn the_latest_arrives_and_nothing_twice(events in prop::collection::vec(event(), 1..60), quiet in any::<bool>()) {
            let quiet = quiet.then(|| Quiescence::new(Duration::from_millis(50)));
            let mut feed = Subscription::new(None, quiet.map(Box::new), None);
            let mut now = Instant::now();
            let content = |table: &Table| table.to_map().into_iter().map(|(k, v)| (k, v.0)).collect::<Vec<_>>();
            let (mut latest, mut handled, mut begun, mut in_flight) = (None, None, None, None);
            let mut last_index = 0;
            for (index, event) in (1..).zip(events) {
                match event {
                    Event::Offer(table) => { feed.offer(&version(&table, index), false, now); latest = Some(table); }
                    Event::Acknowledge => { feed.acknowledged(); if let Some(got) = in_flight.take() { handled = Some(got); begun = None; } }
                    Event::Lose => { feed.lost(now); begun = in_flight.take().or(begun); }
                    Event::Pass => now += Duration::from_secs(31),
                }
                if let Next::Deliver(delivery) = feed.next(now, &mut Compared::default()) {
                    prop_assert!(in_flight.is_none(), "two in flight");
                    let got = content(&delivery.current.value);
                    // What was begun and lost is made good by whatever holds now.
                    let undone = begun.is_some() && Some(&got) == handled.as_ref();
                    prop_assert!(undone || Some(&got) != handled.as_ref(), "twice in a row");
                    let previous = if undone { begun.clone() } else { handled.clone() };
                    prop_assert_eq!(delivery.previous.map(|p| content(&p.value)), previous);
                    prop_assert!(delivery.current.index >= last_index, "out of order");
                    last_index = delivery.current.index;
                    in_flight = Some(got);
                }
            }
            // Left in peace, the feed comes to the latest state.
            for _ in 0..3 {
                now += Duration::from_secs(31);
                if let Next::Deliver(delivery) = feed.next(now, &mut Compared::default()) { in_flight = Some(content(&delivery.current.value)); }
                feed.acknowledged();
                if let Some(got) = in_flight.take() { handled = Some(got); }
            }
            prop_assert_eq!(handled, latest.as_ref().map(content));
        }
    }
}
