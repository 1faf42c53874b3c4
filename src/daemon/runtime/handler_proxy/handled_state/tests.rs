//! Updates that are handled one after another.

use super::*;
use crate::{
    kv::KvPair,
    model::{EventLog, UserEvent},
    watch::{Event, Key},
};

fn first(value: &'static str) -> Changed<Key> {
    let pair = KvPair {
        value: Some(value.into()),
        ..KvPair::default()
    };
    Changed::first(Key::new("a"), Some(Arc::new(pair)), 0)
}

fn log(previous: Option<&EventLog>, ids: &[&str]) -> EventLog {
    let event = |id: &&str| UserEvent {
        id: (*id).to_owned(),
        ..UserEvent::default()
    };
    EventLog::next(previous, ids.iter().map(event).collect())
}

#[test]
fn the_end_of_an_earlier_run_says_nothing_of_a_later_one_without_an_index() {
    let (mut earlier, mut later) = (first("1"), first("2"));
    let mut handled = HandledState::new(None, None);
    handled.begin(&mut earlier, None);
    handled.begin(&mut later, None);
    assert!(handled.record(&earlier, true).is_none());
    let given = handled.hand_over(HandOver::Each, false);
    assert!(given.len() == 1 && Arc::ptr_eq(&given[0].current, &later.current));
}

#[test]
fn a_failed_update_is_unfinished_to_the_next_handler() {
    let mut update = first("1");
    let mut handled = HandledState::new(None, None);
    assert!(!handled.is_unfinished());
    handled.begin(&mut update, None);
    assert!(handled.is_unfinished());
    handled.record(&update, false);
    assert!(handled.is_unfinished(), "it may have had effects");
    handled.record(&update, true);
    assert!(!handled.is_unfinished());
}

#[test]
fn events_are_handled_one_by_one() {
    let one = log(None, &["1"]);
    let two = log(Some(&one), &["1", "2"]);
    let mut first = Changed::first(Event::any(), one.clone(), 7);
    let mut second = Changed::update(Event::any(), one, two, 8);
    let mut handled = HandledState::new(None, None);
    handled.begin(&mut first, None);
    handled.begin(&mut second, None);
    // They may run in parallel, and the second may end first.
    assert!(handled.record(&second, true).is_none(), "there is no file");
    let given = handled.hand_over(HandOver::Newest, false);
    assert_eq!(given.len(), 1);
    let changes = given[0].changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].item().id, "1");
    handled.record(&first, true);
    assert!(handled.hand_over(HandOver::Newest, false).is_empty());
}

fn skipped(value: &'static str) -> SkippedState<Key> {
    let changed = first(value);
    SkippedState {
        query: changed.query,
        value: changed.current,
        index: 9,
    }
}

#[test]
fn a_state_that_was_skipped_counts_once_the_one_before_was_handled() {
    let mut handled = HandledState::new(None, None);
    let mut changed = first("1");
    handled.begin(&mut changed, None);
    handled.skip(skipped("2"));
    assert!(handled.see_skipped().is_none(), "the first one is open");
    assert!(handled.record(&changed, true).is_none(), "there is no file");
    let (seen, _) = handled.finish();
    let seen = seen.unwrap();
    assert!(seen.index() == 9 && !seen.is_begun(), "{seen:?}");
    assert!(seen.covers_update(&first("2"), None));
}

#[test]
fn an_update_after_a_skipped_state_takes_its_place() {
    let mut handled = HandledState::new(None, None);
    let mut changed = first("1");
    handled.begin(&mut changed, None);
    handled.record(&changed, true);
    handled.skip(skipped("2"));
    let mut later = first("3");
    handled.begin(&mut later, None);
    handled.record(&later, true);
    assert!(handled.finish().0.unwrap().covers_update(&later, None));
}

#[test]
fn a_state_that_is_back_after_a_skipped_one_is_no_repetition() {
    let mut handled = HandledState::new(None, None);
    let mut changed = first("1");
    handled.begin(&mut changed, None);
    handled.record(&changed, true);
    let again = |value| {
        let mut again = first(value);
        again.reason = Reason::Resync;
        again
    };
    assert!(handled.repeats(&again("1")));
    handled.skip(skipped("2"));
    assert!(!handled.repeats(&again("1")));
    assert!(handled.repeats(&again("2")));
}

fn change(value: &'static str, previous: &Changed<Key>) -> Changed<Key> {
    let mut changed = first(value);
    changed.previous = Some(Arc::clone(&previous.current));
    changed.reason = Reason::Change;
    changed
}

fn values(given: &[Changed<Key>]) -> Vec<[String; 2]> {
    let text = |pair: Option<&KvPair>| {
        let value = pair.and_then(|pair| pair.value.as_deref());
        String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
    };
    let pairs = given.iter().map(|it| {
        let previous = it.previous.as_deref().and_then(Option::as_deref);
        [text(previous), text(it.current.as_deref())]
    });
    pairs.collect()
}

#[test]
fn the_newest_state_stands_for_all_since_the_last_success() {
    let mut handled = HandledState::new(None, None);
    let mut earlier = first("0");
    handled.begin(&mut earlier, Some(2));
    handled.record(&earlier, true);
    for value in ["1", "2", "3", "4"] {
        let mut next = change(value, &earlier);
        handled.begin(&mut next, Some(2));
        handled.record(&next, false);
        earlier = next;
    }
    let given = handled.hand_over(HandOver::Newest, false);
    assert_eq!(values(&given), [["0", "4"]]);
    assert_eq!(given[0].coalesced, 3);
    handled.record(&given[0], true);
    assert!(handled.hand_over(HandOver::Newest, false).is_empty());
}

#[test]
fn a_queue_hands_each_state_over_but_one_for_all_that_were_given_up() {
    let mut handled = HandledState::new(None, None);
    let mut earlier = first("0");
    handled.begin(&mut earlier, None);
    handled.record(&earlier, true);
    for value in ["1", "2", "3", "4"] {
        let mut next = change(value, &earlier);
        handled.begin(&mut next, None);
        if matches!(value, "1" | "2") {
            handled.record(&next, false);
        }
        earlier = next;
    }
    let given = handled.hand_over(HandOver::Each, false);
    assert_eq!(values(&given), [["0", "2"], ["2", "3"], ["3", "4"]]);
    handled.record(&given[1], true);
    let given = handled.hand_over(HandOver::Each, false);
    assert_eq!(values(&given), [["3", "4"]]);
}

#[test]
fn a_state_that_the_engine_has_taken_back_is_not_handed_over() {
    let mut handled = HandledState::new(None, None);
    let mut changed = first("1");
    handled.begin(&mut changed, Some(2));
    handled.returned(&changed);
    assert!(handled.hand_over(HandOver::Newest, true).is_empty());
    assert!(handled.finish().0.is_none());
}

#[test]
fn a_success_makes_good_the_events_that_were_given_up_before() {
    let one = log(None, &["1"]);
    let two = log(Some(&one), &["1", "2"]);
    let three = log(Some(&two), &["1", "2", "3"]);
    let mut updates = [
        Changed::first(Event::any(), one.clone(), 7),
        Changed::update(Event::any(), one, two.clone(), 8),
        Changed::update(Event::any(), two, three, 9),
    ];
    let mut handled = HandledState::new(None, None);
    for (update, success) in updates.iter_mut().zip([false, true, false]) {
        handled.begin(update, Some(2));
        handled.record(update, success);
    }
    let given = handled.hand_over(HandOver::Newest, false);
    assert_eq!(given.len(), 1);
    let changes = given[0].changes();
    assert!(changes.len() == 1 && changes[0].item().id == "3");
}
