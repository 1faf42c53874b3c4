//! An actor that records and checks its deliveries, and misbehaves.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::Changed;
use consul_watch_harness::random::{Choices, Rng};

use crate::checker::Checker;
use crate::run_state::RunState;
use crate::user_code::EXPECTED_PANIC;
use crate::watched::Watched;

/// The way a subscriber handles its deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behavior {
    Prompt,
    Slow,
    Stalls,
    /// Panics in its handler, which ends the actor.
    Panics,
    /// Panics in the future of its handler, which does not end the actor: the delivery is owed again.
    PanicsLater,
    Stops,
}

pub(crate) const BEHAVIORS: [Behavior; 6] = [
    Behavior::Prompt,
    Behavior::Slow,
    Behavior::Stalls,
    Behavior::Panics,
    Behavior::PanicsLater,
    Behavior::Stops,
];

pub(crate) struct RecordingActor<Q: Watched> {
    run_state: Rc<RunState>,
    checker: Rc<RefCell<Checker<Q>>>,
    behavior: Behavior,
    random: Rng,
}

impl<Q: Watched> RecordingActor<Q> {
    pub(crate) fn new(
        run_state: &Rc<RunState>,
        checker: &Rc<RefCell<Checker<Q>>>,
        behavior: Behavior,
        random: Rng,
    ) -> Self {
        run_state.alive.set(run_state.alive.get() + 1);
        Self {
            run_state: Rc::clone(run_state),
            checker: Rc::clone(checker),
            behavior,
            random,
        }
    }
}

impl<Q: Watched> Drop for RecordingActor<Q> {
    fn drop(&mut self) {
        self.run_state.alive.set(self.run_state.alive.get() - 1);
    }
}

impl<Q: Watched> Actor for RecordingActor<Q> {
    type Context = Context<Self>;
}

impl<Q: Watched> Handler<Changed<Q>> for RecordingActor<Q> {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) -> Self::Result {
        let before = self.checker.borrow_mut().check(&changed, &self.run_state);
        let behavior = if self.run_state.calm.get() {
            Behavior::Prompt
        } else {
            self.behavior
        };
        match behavior {
            Behavior::Slow => {
                let pause = self.random.up_to_ms(200);
                return Box::pin(tokio::time::sleep(pause));
            }
            Behavior::Stalls if self.random.one_in(8) => {
                self.run_state.count(|counters| counters.stalled += 1);
                let pause = Duration::from_secs(1) + self.random.up_to_ms(2000);
                return Box::pin(tokio::time::sleep(pause));
            }
            Behavior::Panics if self.random.one_in(40) => {
                self.run_state.count(|counters| counters.panicked += 1);
                panic!("{EXPECTED_PANIC}");
            }
            Behavior::PanicsLater if self.random.one_in(10) => {
                self.run_state.count(|counters| counters.panicked += 1);
                let checker = Rc::clone(&self.checker);
                return Box::pin(async move {
                    tokio::task::yield_now().await;
                    checker.borrow_mut().undo(before);
                    panic!("{EXPECTED_PANIC}");
                });
            }
            Behavior::Stops if self.random.one_in(40) => {
                self.run_state
                    .count(|counters| counters.stopped_themselves += 1);
                ctx.stop();
            }
            _ => {}
        }
        Box::pin(async {})
    }
}
