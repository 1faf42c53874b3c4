//! The application of these scenarios: an actor that records its updates.

use std::cell::RefCell;
use std::rc::Rc;

use actix::{Actor, Context, Handler};
use consul_watch::{Change, Changed, Key, KeyPrefix, KvPair};

use super::counters::RoundCounters;
use super::ipc::print_line;
use crate::measure::monotonic_ns;

pub(super) struct Listener(pub(super) Rc<RefCell<RoundCounters>>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Listener {
    fn note(&self, pair: &KvPair) {
        self.0
            .borrow_mut()
            .note(&pair.key, pair.value.as_deref().unwrap_or_default());
    }
}

impl Handler<Changed<Key>> for Listener {
    type Result = ();

    fn handle(&mut self, changed: Changed<Key>, _: &mut Context<Self>) {
        if let Some(pair) = changed.current.as_ref() {
            self.note(pair);
        }
    }
}

impl Handler<Changed<KeyPrefix>> for Listener {
    type Result = ();

    fn handle(&mut self, changed: Changed<KeyPrefix>, _: &mut Context<Self>) {
        for change in changed.changes() {
            if let Change::Added(pair) | Change::Updated { new: pair, .. } = change {
                self.note(&pair);
            }
        }
    }
}

/// An actor that reports each wake-up: the number of changed keys, and the time.
pub(super) struct Sleeper;

impl Actor for Sleeper {
    type Context = Context<Self>;
}

impl Handler<Changed<KeyPrefix>> for Sleeper {
    type Result = ();

    fn handle(&mut self, changed: Changed<KeyPrefix>, _: &mut Context<Self>) {
        print_line(&format!(
            "woken {} {}",
            changed.changes().len(),
            monotonic_ns()
        ));
    }
}
