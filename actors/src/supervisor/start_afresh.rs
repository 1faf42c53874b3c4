//! Starts the watches afresh that stand still.

use actix::prelude::*;

use super::{WatchSupervisor, all_of};
use crate::{messages::start_afresh::StartAfresh, query::Source};

impl<S: Source> Handler<StartAfresh> for WatchSupervisor<S> {
    type Result = ResponseFuture<<StartAfresh as Message>::Result>;

    fn handle(&mut self, _: StartAfresh, ctx: &mut Self::Context) -> Self::Result {
        let (mut subscriptions, mut restarts) = (Vec::new(), Vec::new());
        for entry in self.entries.values_mut() {
            // A member stands still with the watch that serves it, and starts with it.
            if entry.cell.state().error().is_some() {
                subscriptions.extend(entry.handle.subscriptions());
                restarts.push(entry.handle.restart(None));
            }
        }
        subscriptions.sort();
        let all = all_of(restarts, ctx.address());
        Box::pin(async move {
            all.await;
            subscriptions
        })
    }
}
