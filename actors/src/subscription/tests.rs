//! Unit tests of a subscription, step by step and at random.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::testing::Table;

fn version(table: &Table, index: u64) -> Version<Table> {
    Version {
        value: Arc::new(table.clone()),
        index,
        unproven: false,
    }
}

fn plain() -> Subscription<Table> {
    Subscription::new(None, None, None)
}

fn delivery(next: NextDelivery<Table>) -> Delivery<Table> {
    match next {
        NextDelivery::Deliver(delivery) => delivery,
        other => panic!("expected a delivery, got {other:?}"),
    }
}

#[test]
fn states_in_between_are_folded_and_the_delta_is_from_what_was_seen() {
    let now = Instant::now();
    let mut feed = plain();
    feed.offer(&version(&Table::of(&[("a", 1, 1)]), 1), false, now);
    let first = delivery(feed.next(now, None));
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
            matches!(feed.next(now, None), NextDelivery::Idle),
            "one in flight at most"
        );
    }
    feed.acknowledged();
    let second = delivery(feed.next(now, None));
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
    delivery(feed.next(now, None));
    feed.offer(&version(&b, 2), false, now);
    feed.offer(&version(&a, 3), false, now);
    feed.acknowledged();
    assert!(matches!(
        feed.next(now, None),
        NextDelivery::Skipped(version) if version.index == 3
    ));
}

#[test]
fn changes_only_skips_the_first_state() {
    let now = Instant::now();
    let mut feed = Subscription::new(None, None, Some(Arc::new(|_: &Table| true)));
    feed.offer(&version(&Table::of(&[("a", 1, 1)]), 1), false, now);
    feed.decide_first();
    assert!(matches!(feed.next(now, None), NextDelivery::Idle));
    feed.offer(&version(&Table::of(&[]), 2), false, now);
    let removed = delivery(feed.next(now, None));
    assert_eq!(removed.previous.unwrap().index, 1);
}

#[test]
fn a_lost_delivery_is_owed_again_after_a_pause() {
    let now = Instant::now();
    let mut feed = plain();
    feed.offer(&version(&Table::of(&[("a", 1, 1)]), 1), false, now);
    delivery(feed.next(now, None));
    feed.lost(now);
    let later = now + Backoff::DEFAULT_CEILING;
    assert_eq!(delivery(feed.next(later, None)).current.index, 1);
}

#[test]
fn what_was_begun_and_lost_is_undone_by_the_value_before_it() {
    let now = Instant::now();
    let mut feed = plain();
    let (a, b) = (Table::of(&[("a", 1, 1)]), Table::of(&[("a", 2, 2)]));
    feed.offer(&version(&a, 1), false, now);
    delivery(feed.next(now, None));
    feed.acknowledged();
    feed.offer(&version(&b, 2), false, now);
    delivery(feed.next(now, None));
    feed.offer(&version(&a, 3), false, now);
    feed.lost(now);
    let later = now + Backoff::DEFAULT_CEILING;
    let undone = delivery(feed.next(later, None));
    assert_eq!(
        (undone.previous.unwrap().index, undone.current.index),
        (2, 3)
    );
    feed.acknowledged();
    feed.offer(&version(&a, 4), false, later);
    assert!(matches!(feed.next(later, None), NextDelivery::Skipped(_)));
}

#[test]
fn quiet_is_waited_for_but_not_by_the_first_value() {
    let now = Instant::now();
    let quiet = Quiescence::new(Duration::from_secs(1));
    let mut feed = Subscription::new(None, Some(Box::new(quiet)), None);
    feed.offer(&version(&Table::of(&[("a", 1, 1)]), 1), false, now);
    delivery(feed.next(now, None));
    feed.acknowledged();
    feed.offer(&version(&Table::of(&[("a", 2, 2)]), 2), false, now);
    let NextDelivery::Wait(due) = feed.next(now, None) else {
        panic!("it should wait for quiet")
    };
    assert_eq!(due, now + Duration::from_secs(1));
    assert_eq!(delivery(feed.next(due, None)).current.index, 2);
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
            if let NextDelivery::Deliver(delivery) = feed.next(now, None) {
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
            if let NextDelivery::Deliver(delivery) = feed.next(now, None) { in_flight = Some(content(&delivery.current.value)); }
            feed.acknowledged();
            if let Some(got) = in_flight.take() { handled = Some(got); }
        }
        prop_assert_eq!(handled, latest.as_ref().map(content));
    }
}

#[test]
fn an_unproven_state_is_not_offered_to_a_subscriber_with_an_earlier_one() {
    let now = Instant::now();
    let unproven = Version {
        unproven: true,
        ..version(&Table::of(&[]), 1)
    };
    let proven = version(&Table::of(&[("a", 1, 2)]), 2);
    for covers in [true, false] {
        let mut feed = Subscription::new(None, None, Some(Arc::new(move |_| covers)));
        feed.offer(&unproven, false, now);
        assert!(!feed.is_undecided() && feed.is_idle());
        feed.offer(&proven, false, now);
        feed.decide_first();
        assert_eq!(feed.is_idle(), covers);
    }
    let mut feed = plain();
    feed.offer(&unproven, false, now);
    assert_eq!(delivery(feed.next(now, None)).current.index, 1);
}
