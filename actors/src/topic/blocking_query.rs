//! The state machine of blocking queries: follows their index, and drops repeated values (dedup). No clock, no I/O.

use std::{error::Error, sync::Arc};

use crate::{
    caught::{caught, discard},
    query::{Cursor, Outcome, Position, QueryResponse, Request},
    value::version::Version,
};

/// Where a watcher stands. It outlives the watcher's restarts.
#[derive(Debug)]
pub(crate) struct BlockingQueryState<V> {
    cursor: Cursor,
    /// The highest index since the source last started over.
    reached: Option<u64>,
    current: Option<Version<V>>,
    /// The next answer comes after a break, so what it changes is a resync.
    resyncing: bool,
}

impl<V> Default for BlockingQueryState<V> {
    fn default() -> Self {
        Self {
            cursor: Cursor::Start,
            reached: None,
            current: None,
            resyncing: false,
        }
    }
}

/// The meaning of a response.
#[derive(Debug)]
pub(crate) enum Step<V> {
    /// The value is another one; with whether it came after a break.
    Changed(Version<V>, bool),
    /// Nothing changed.
    Unchanged,
    /// The answer holds no value that can be used.
    Rejected(Arc<dyn Error + Send + Sync>),
}

/// The value is an application's.
impl<V> Drop for BlockingQueryState<V> {
    fn drop(&mut self) {
        discard(self.current.take());
    }
}

#[derive(Debug, thiserror::Error)]
#[error("comparing it with the last value panicked (the panic is on standard error)")]
struct ComparisonPanicked;

impl<V: PartialEq> BlockingQueryState<V> {
    /// The next request.
    pub(crate) fn request(&self) -> Request<V> {
        Request {
            cursor: self.cursor.clone(),
            previous: self
                .current
                .as_ref()
                .map(|version| Arc::clone(&version.value)),
            unproven: self.current.as_ref().is_some_and(|it| it.unproven),
            longest_wait: None,
        }
    }

    /// The last value.
    pub(crate) fn current(&self) -> Option<&Version<V>> {
        self.current.as_ref()
    }

    /// Whether the next answer comes after a break.
    pub(crate) fn is_resyncing(&self) -> bool {
        self.resyncing
    }

    /// Whether the next query blocks, so that an early answer is a wake-up.
    pub(crate) fn is_blocking(&self) -> bool {
        self.cursor != Cursor::Start
    }

    /// Takes an answer in.
    pub(crate) fn step(&mut self, answer: QueryResponse<V>) -> Step<V> {
        let index = answer.position.index();
        self.cursor = self.follow(answer.position);
        let (value, unproven) = match answer.outcome {
            Outcome::Rejected(reason) => return Step::Rejected(reason),
            Outcome::Unchanged => (None, false),
            Outcome::Value(value) => (Some(value), false),
            Outcome::Unproven(value) => (Some(value), true),
        };
        let same = match (&value, &self.current) {
            (Some(new), Some(current)) => {
                let Ok(same) = caught(|| *new == *current.value) else {
                    discard(value);
                    return Step::Rejected(Arc::new(ComparisonPanicked));
                };
                // An unproven value that is proven now is news to those that did not receive it.
                same && current.unproven <= unproven
            }
            (None, _) => true,
            (Some(_), None) => false,
        };
        let resync = std::mem::take(&mut self.resyncing);
        match value {
            Some(value) if !same => {
                let version = Version {
                    value: Arc::new(value),
                    index,
                    unproven,
                };
                discard(self.current.replace(version.clone()));
                Step::Changed(version, resync)
            }
            unchanged => {
                discard(unchanged);
                Step::Unchanged
            }
        }
    }

    /// The cursor after an answer that stands here (Consul's documentation, "Blocking Queries").
    fn follow(&mut self, position: Position) -> Cursor {
        match position {
            Position::Hash(hash) => Cursor::Hash(hash),
            // Opaque indexes go up and down; only whether they are equal means something.
            Position::Opaque(index) => Cursor::Index(index.max(1)),
            Position::Repeated(_) => {
                self.reached = None;
                Cursor::Start
            }
            Position::BesideHeld(index) => {
                let index = index.max(1);
                self.reached = Some(index);
                Cursor::Index(index)
            }
            Position::InDoubt(index) => {
                self.reached = self.reached.max(Some(index));
                Cursor::Start
            }
            Position::Index(index) => {
                let index = index.max(1);
                let fell = self.reached.is_some_and(|reached| index < reached);
                self.reached = if fell { None } else { Some(index) };
                if fell {
                    Cursor::Start
                } else {
                    Cursor::Index(index)
                }
            }
        }
    }

    /// The connection broke or the query failed: ask from the start again, since the source may be
    /// another one now, whose indexes say nothing about the old ones.
    pub(crate) fn interrupted(&mut self) {
        self.cursor = Cursor::Start;
        self.reached = None;
        self.resyncing = self.current.is_some();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(position: Position, value: u8) -> QueryResponse<u8> {
        QueryResponse {
            position,
            outcome: Outcome::Value(value),
            last_contact: None,
        }
    }

    fn index(index: u64, value: u8) -> QueryResponse<u8> {
        at(Position::Index(index), value)
    }

    #[test]
    fn an_unchanged_value_is_no_news_though_the_index_moved() {
        let mut query_state = BlockingQueryState::default();
        assert!(matches!(
            query_state.step(index(5, 1)),
            Step::Changed(Version { index: 5, .. }, false)
        ));
        assert!(matches!(query_state.step(index(9, 1)), Step::Unchanged));
        assert_eq!(query_state.request().cursor, Cursor::Index(9));
    }

    #[test]
    fn an_index_that_fell_starts_from_nothing_and_is_compared() {
        let mut query_state = BlockingQueryState::default();
        query_state.step(index(100, 1));
        assert!(matches!(query_state.step(index(7, 1)), Step::Unchanged));
        assert_eq!(query_state.request().cursor, Cursor::Start);
        assert!(matches!(query_state.step(index(7, 2)), Step::Changed(..)));
        assert_eq!(query_state.request().cursor, Cursor::Index(7));
    }

    #[test]
    fn index_zero_is_treated_as_one() {
        let mut query_state = BlockingQueryState::default();
        query_state.step(index(0, 1));
        assert_eq!(query_state.request().cursor, Cursor::Index(1));
    }

    #[test]
    fn after_an_answer_in_doubt_it_asks_from_the_start_and_keeps_the_index() {
        let mut query_state = BlockingQueryState::default();
        query_state.step(index(5, 1));
        let step = query_state.step(at(Position::InDoubt(7), 2));
        assert!(matches!(
            step,
            Step::Changed(Version { index: 7, .. }, false)
        ));
        assert_eq!(query_state.request().cursor, Cursor::Start);
        query_state.step(index(7, 2));
        assert_eq!(query_state.request().cursor, Cursor::Index(7));
    }

    #[test]
    fn after_a_repeated_index_it_asks_from_the_start_and_takes_a_lower_one() {
        let mut query_state = BlockingQueryState::default();
        query_state.step(index(20, 1));
        let repeated = QueryResponse {
            position: Position::Repeated(20),
            outcome: Outcome::Unchanged,
            last_contact: None,
        };
        assert!(matches!(query_state.step(repeated), Step::Unchanged));
        assert_eq!(query_state.request().cursor, Cursor::Start);
        assert!(matches!(query_state.step(index(14, 2)), Step::Changed(..)));
        assert_eq!(query_state.request().cursor, Cursor::Index(14));
    }

    #[test]
    fn after_older_data_beside_a_held_query_it_goes_on_from_its_index() {
        let mut query_state = BlockingQueryState::default();
        query_state.step(index(20, 1));
        let step = query_state.step(at(Position::BesideHeld(14), 2));
        assert!(matches!(step, Step::Changed(..)));
        assert_eq!(query_state.request().cursor, Cursor::Index(14));
        query_state.step(index(15, 3));
        assert_eq!(query_state.request().cursor, Cursor::Index(15));
    }

    #[test]
    fn an_opaque_index_may_fall() {
        let mut query_state = BlockingQueryState::default();
        query_state.step(at(Position::Opaque(900), 1));
        query_state.step(at(Position::Opaque(3), 2));
        assert_eq!(query_state.request().cursor, Cursor::Index(3));
    }

    #[test]
    fn a_hash_is_sent_back() {
        let mut query_state = BlockingQueryState::default();
        query_state.step(at(Position::Hash("abc".to_owned()), 1));
        assert_eq!(query_state.request().cursor, Cursor::Hash("abc".to_owned()));
    }

    #[test]
    fn an_unproven_value_that_is_proven_is_news_once() {
        let mut query_state = BlockingQueryState::default();
        let unproven = |index| QueryResponse {
            outcome: Outcome::Unproven(1),
            ..self::index(index, 1)
        };
        let unproven_step = |step| match step {
            Step::Changed(version, _) => Some(version.unproven),
            _ => None,
        };
        assert_eq!(unproven_step(query_state.step(unproven(5))), Some(true));
        assert_eq!(unproven_step(query_state.step(unproven(6))), None);
        assert_eq!(unproven_step(query_state.step(index(7, 1))), Some(false));
        assert_eq!(unproven_step(query_state.step(index(8, 1))), None);
        assert_eq!(unproven_step(query_state.step(unproven(9))), None);
    }

    #[test]
    fn after_a_break_it_asks_from_the_start_and_only_a_difference_is_a_resync() {
        let mut query_state = BlockingQueryState::default();
        query_state.step(index(5, 1));
        query_state.interrupted();
        assert_eq!(query_state.request().cursor, Cursor::Start);
        assert!(matches!(query_state.step(index(2, 1)), Step::Unchanged));
        assert!(
            matches!(query_state.step(index(3, 2)), Step::Changed(_, false)),
            "the break is over"
        );
        query_state.interrupted();
        assert!(matches!(
            query_state.step(index(3, 3)),
            Step::Changed(_, true)
        ));
    }

    #[test]
    fn what_cannot_be_read_keeps_the_last_good_value_and_moves_on() {
        let mut query_state = BlockingQueryState::default();
        query_state.step(index(5, 1));
        let bad = QueryResponse {
            position: Position::Index(6),
            outcome: Outcome::Rejected(Arc::new(std::fmt::Error)),
            last_contact: None,
        };
        assert!(matches!(query_state.step(bad), Step::Rejected(_)));
        assert_eq!(*query_state.current().unwrap().value, 1);
        assert_eq!(query_state.request().cursor, Cursor::Index(6));
    }

    #[derive(Debug, Clone)]
    enum Event {
        Answer(u64, u8),
        Same(u64),
        Break,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            6 => (0u64..20, 0u8..3).prop_map(|(index, value)| Event::Answer(index, value)),
            1 => (0u64..20).prop_map(Event::Same),
            1 => Just(Event::Break),
        ]
    }

    proptest! {
        #[test]
        fn news_never_repeats_and_the_last_value_always_shows(events in prop::collection::vec(event(), 0..100)) {
            let mut query_state = BlockingQueryState::default();
            let (mut told, mut truth) = (None, None);
            for event in events {
                let answer = match event {
                    Event::Break => { query_state.interrupted(); prop_assert_eq!(query_state.request().cursor, Cursor::Start); continue }
                    Event::Same(at) => QueryResponse { position: Position::Index(at), outcome: Outcome::Unchanged, last_contact: None },
                    Event::Answer(at, value) => { truth = Some(value); index(at, value) }
                };
                if let Step::Changed(version, _) = query_state.step(answer) {
                    prop_assert_ne!(told, Some(*version.value));
                    told = Some(*version.value);
                }
                prop_assert_eq!(told, truth);
                prop_assert_ne!(query_state.request().cursor, Cursor::Index(0));
            }
        }
    }
}
