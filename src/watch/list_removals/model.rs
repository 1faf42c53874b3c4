//! A model of a watch of one object and of the world around it. It tries every order of events and requests.
//!
//! The rules are the real ones: those of [`crate::absence`] and of `Verdicts`. The model repeats only the order
//! of the requests.

mod watch;
mod world;

use std::collections::{HashMap, HashSet};

use self::{
    watch::{Finding, State, Step},
    world::{Case, Chosen, Kind},
};

/// The number of events and requests in one order.
const DEPTH: usize = 8;

/// Every state that can be reached, with the steps to it.
struct Reached {
    seen: HashSet<State>,
    last: Vec<(State, Vec<Step>)>,
}

impl Reached {
    fn from(states: impl IntoIterator<Item = (State, Vec<Step>)>) -> Self {
        let last: Vec<_> = states.into_iter().collect();
        let seen = last.iter().map(|(state, _)| *state).collect();
        Self { seen, last }
    }

    /// Goes one step on; false if no state is new.
    fn advance(&mut self, case: Case, next: impl Fn(State) -> Vec<(Step, State)>) -> bool {
        for (state, steps) in std::mem::take(&mut self.last) {
            for (step, state) in next(state) {
                if !self.seen.insert(state) {
                    continue;
                }
                let steps = [&*steps, &[step]].concat();
                if let Some(Finding::Fault(fault)) = state.finding {
                    panic!("{fault}: {case:?} {steps:?}\n{state:#?}");
                }
                self.last.push((state, steps));
            }
        }
        !self.last.is_empty()
    }
}

/// Tries every order for this kind, and returns whether a false removal was within the documented gap.
fn check(kind: Kind) -> bool {
    let mut in_gap = false;
    for chosen in [Chosen::Default, Chosen::Stale, Chosen::Consistent] {
        let case = Case { kind, chosen };
        let mut reached = Reached::from([(State::new(), Vec::new())]);
        let mut starts = HashMap::new();
        for _ in 0..DEPTH {
            reached.advance(case, |state| state.next(case));
            for (state, steps) in &reached.last {
                in_gap |= state.finding == Some(Finding::Gap);
                for (exists, readable) in
                    [(true, true), (false, true), (true, false), (false, false)]
                {
                    starts
                        .entry(state.settled(exists, readable))
                        .or_insert_with(|| steps.clone());
                }
            }
        }
        let mut ends = Reached::from(starts);
        while ends.advance(case, |state| state.requests(case)) {
            for (state, steps) in &ends.last {
                let wrong = state.wrong_in_the_end(case).filter(|_| state.finished == 2);
                assert_eq!(wrong, None, "{case:?} {steps:?}\n{state:#?}");
            }
        }
    }
    in_gap
}

#[test]
fn keys_are_never_falsely_removed_and_no_removal_is_lost() {
    assert!(!check(Kind::Key) && !check(Kind::SharedKey));
}

#[test]
fn catalog_entries_are_falsely_removed_only_in_the_documented_bracket_and_no_removal_is_lost() {
    for kind in [Kind::Object, Kind::Service, Kind::Instances] {
        assert!(check(kind), "the documented gap of {kind:?} is closed");
    }
}

#[test]
fn entries_of_a_peer_are_never_falsely_removed_and_no_removal_is_lost() {
    assert!(!check(Kind::Peered));
}
