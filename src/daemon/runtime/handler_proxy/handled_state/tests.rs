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
    handled.begin(&mut earlier);
    handled.begin(&mut later);
    assert!(handled.record(&earlier, true).is_none());
    let (_, outcome) = handled.latest().unwrap();
    assert_eq!(outcome, HandlerOutcome::Open);
}

#[test]
fn a_failed_update_is_unfinished_to_the_next_handler() {
    let mut update = first("1");
    let mut handled = HandledState::new(None, None);
    assert!(!handled.is_unfinished());
    handled.begin(&mut update);
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
    handled.begin(&mut first);
    handled.begin(&mut second);
    // They may run in parallel, and the second may end first.
    assert!(handled.record(&second, true).is_none(), "there is no file");
    let (again, outcome) = handled.latest().unwrap();
    assert_eq!(outcome, HandlerOutcome::Open);
    let changes = again.changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].item().id, "1");
    handled.record(&first, true);
    assert_eq!(handled.latest().unwrap().1, HandlerOutcome::Succeeded);
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
    handled.begin(&mut changed);
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
    handled.begin(&mut changed);
    handled.record(&changed, true);
    handled.skip(skipped("2"));
    let mut later = first("3");
    handled.begin(&mut later);
    handled.record(&later, true);
    assert!(handled.finish().0.unwrap().covers_update(&later, None));
}

#[test]
fn a_state_that_is_back_after_a_skipped_one_is_no_repetition() {
    let mut handled = HandledState::new(None, None);
    let mut changed = first("1");
    handled.begin(&mut changed);
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
