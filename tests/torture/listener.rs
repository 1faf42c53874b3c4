//! A subscriber with a temper.

use std::cell::RefCell;
use std::panic;
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::Changed;

use crate::random::Random;
use crate::record::{Keys, Record};
use crate::scene::Scene;

/// What its panics say.
const PART_OF_THE_TEST: &str = "this panic is a part of the test";

/// What a subscriber does besides listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    Steady,
    Slow,
    Stalls,
    /// In its handler, which ends the actor.
    Panics,
    /// In the future its handler returns, which does not: the delivery is owed again.
    PanicsLater,
    Leaves,
}

pub(crate) const TEMPERS: [Temper; 6] = [
    Temper::Steady,
    Temper::Slow,
    Temper::Stalls,
    Temper::Panics,
    Temper::PanicsLater,
    Temper::Leaves,
];

pub(crate) struct Listener<Q: Keys> {
    scene: Rc<Scene>,
    record: Rc<RefCell<Record<Q>>>,
    temper: Temper,
    random: Random,
}

impl<Q: Keys> Listener<Q> {
    pub(crate) fn new(
        scene: &Rc<Scene>,
        record: &Rc<RefCell<Record<Q>>>,
        temper: Temper,
        random: Random,
    ) -> Self {
        scene.alive.set(scene.alive.get() + 1);
        Self {
            scene: Rc::clone(scene),
            record: Rc::clone(record),
            temper,
            random,
        }
    }
}

impl<Q: Keys> Drop for Listener<Q> {
    fn drop(&mut self) {
        self.scene.alive.set(self.scene.alive.get() - 1);
    }
}

impl<Q: Keys> Actor for Listener<Q> {
    type Context = Context<Self>;
}

impl<Q: Keys> Handler<Changed<Q>> for Listener<Q> {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) -> Self::Result {
        let before = self.record.borrow_mut().see(&changed, &self.scene);
        let temper = if self.scene.calm.get() {
            Temper::Steady
        } else {
            self.temper
        };
        match temper {
            Temper::Slow => {
                let pause = self.random.up_to_ms(200);
                return Box::pin(tokio::time::sleep(pause));
            }
            Temper::Stalls if self.random.one_in(8) => {
                self.scene.count(|tally| tally.stalled += 1);
                let pause = Duration::from_secs(1) + self.random.up_to_ms(2000);
                return Box::pin(tokio::time::sleep(pause));
            }
            Temper::Panics if self.random.one_in(40) => {
                self.scene.count(|tally| tally.panicked += 1);
                panic!("{PART_OF_THE_TEST}");
            }
            Temper::PanicsLater if self.random.one_in(10) => {
                self.scene.count(|tally| tally.panicked += 1);
                let record = Rc::clone(&self.record);
                return Box::pin(async move {
                    tokio::task::yield_now().await;
                    record.borrow_mut().unsee(before);
                    panic!("{PART_OF_THE_TEST}");
                });
            }
            Temper::Leaves if self.random.one_in(40) => {
                self.scene.count(|tally| tally.left += 1);
                ctx.stop();
            }
            _ => {}
        }
        Box::pin(async {})
    }
}

/// Leaves the panics that are part of the test out of its output.
pub(crate) fn mute_the_panics() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let said = info.payload().downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| info.payload().downcast_ref::<&str>().copied());
        if said != Some(PART_OF_THE_TEST) {
            tell(info);
        }
    }));
}
