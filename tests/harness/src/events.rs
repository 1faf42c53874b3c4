//! An observer that hands the events of watches to the test.

use actix::prelude::*;
use consul_watch::{EventKind, Observe, WatchEvent, WatchSupervisor};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::wait::DEADLINE;

/// Hands the events it observes to [`Events`].
#[derive(Debug)]
pub struct Observer(UnboundedSender<WatchEvent>);

impl Actor for Observer {
    type Context = Context<Self>;
}

impl Handler<WatchEvent> for Observer {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, _: &mut Self::Context) {
        // Fails only when the test has ended.
        let _ = self.0.send(event);
    }
}

/// The events of watches, in order.
#[derive(Debug)]
pub struct Events {
    /// The observer.
    pub address: Addr<Observer>,
    received: UnboundedReceiver<WatchEvent>,
}

impl Events {
    /// Starts an observer of nothing yet.
    pub fn start() -> Self {
        let (out, received) = unbounded_channel();
        Self {
            address: Observer(out).start(),
            received,
        }
    }

    /// Starts an observer of all watches.
    ///
    /// # Panics
    ///
    /// When the supervisor does not run.
    pub async fn of(watches: &Addr<WatchSupervisor>) -> Self {
        let events = Self::start();
        if let Err(error) = watches.send(Observe::all(events.address.clone())).await {
            panic!("the supervisor: {error}");
        }
        events
    }

    /// Returns the next event.
    ///
    /// # Panics
    ///
    /// When it does not come in time.
    pub async fn next(&mut self, what: &str) -> WatchEvent {
        match tokio::time::timeout(DEADLINE, self.received.recv()).await {
            Ok(Some(event)) => event,
            Ok(None) => panic!("{what}: the observer has ended"),
            Err(late) => panic!("{what}: no event within {DEADLINE:?} ({late})"),
        }
    }

    /// Returns the next event if it is there already.
    pub fn waiting(&mut self) -> Option<WatchEvent> {
        self.received.try_recv().ok()
    }

    /// Returns the reason of the next rejection.
    ///
    /// # Panics
    ///
    /// When none comes in time.
    pub async fn rejection(&mut self) -> String {
        loop {
            if let EventKind::Rejected(reason) = self.next("a rejection").await.kind {
                return reason.to_string();
            }
        }
    }
}
