//! The end of a supervisor whose last address was dropped.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;

use crate::{query::Source, supervisor::WatchSupervisor};

/// The time that the last events wait for observers that are busy.
const GRACE: Duration = Duration::from_secs(5);

impl<S: Source> WatchSupervisor<S> {
    /// Ends all watches, and the actor as soon as its observers have handled that.
    pub(super) fn shut_down(&mut self, ctx: &mut Context<Self>) {
        let deadline = *self
            .shutting_down
            .get_or_insert_with(|| Instant::now() + GRACE);
        if !self.entries.is_empty() {
            tracing::warn!(
                watches = self.entries.len(),
                "the last address of the supervisor was dropped: its watches end. \
                 An application keeps an address for as long as it wants them"
            );
            self.end_all();
        }
        self.send_events(ctx);
        if Instant::now() >= deadline {
            ctx.stop();
        } else {
            self.stop_if_idle(ctx);
        }
    }

    /// Ends the actor if it has shut down and all observers have handled its events.
    pub(super) fn stop_if_idle(&mut self, ctx: &mut Context<Self>) {
        if self.shutting_down.is_some()
            && self.entries.is_empty()
            && self.events_in_flight == 0
            && !ctx.connected()
        {
            ctx.stop();
        }
    }

    /// Ends all watches, without waiting until their requests are closed.
    pub(super) fn end_all(&mut self) {
        let mut keys: Vec<_> = self.entries.keys().cloned().collect();
        // Members go before the watches that serve them.
        keys.sort_by_key(|key| self.shared.contains_key(key));
        for key in keys {
            drop(self.remove(&key));
        }
    }
}
