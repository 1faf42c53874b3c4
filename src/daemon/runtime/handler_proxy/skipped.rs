//! States that a watch did not deliver, since they differ from the last one in nothing that counts for the handler, or
//! since it handles changes only.

use std::time::Duration;

use actix::prelude::*;

use super::{HandlerProxy, handled_state::SkippedState};
use crate::{checkpoint::Checkpoint, handlers::HandlerPayload};

/// The shortest time between two records of states that were skipped, since a large state takes long to digest.
const PAUSE: Duration = Duration::from_secs(1);

/// Reports a state that was not delivered.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::daemon::runtime) struct Skipped<Q: HandlerPayload>(
    pub(in crate::daemon::runtime) SkippedState<Q>,
);

/// Reports the state found at the start, which a watch of changes only does not deliver.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::daemon::runtime) struct SkippedFirst(pub(in crate::daemon::runtime) Checkpoint);

impl<Q: HandlerPayload> Handler<SkippedFirst> for HandlerProxy<Q> {
    type Result = ();

    fn handle(&mut self, SkippedFirst(first): SkippedFirst, ctx: &mut Self::Context) {
        if let Some(write) = self.handled.see_first(first) {
            ctx.spawn(write.into_actor(self));
        }
    }
}

impl<Q: HandlerPayload> Handler<Skipped<Q>> for HandlerProxy<Q> {
    type Result = ();

    fn handle(&mut self, Skipped(state): Skipped<Q>, ctx: &mut Self::Context) {
        self.handled.skip(state);
        self.record_skipped(ctx);
    }
}

impl<Q: HandlerPayload> HandlerProxy<Q> {
    /// Records the state that was skipped last, unless one was recorded a moment ago.
    pub(super) fn record_skipped(&mut self, ctx: &mut Context<Self>) {
        if !self.pauses_skipped
            && let Some(write) = self.handled.record_skipped()
        {
            self.pauses_skipped = true;
            ctx.spawn(write.into_actor(self));
            ctx.run_later(PAUSE, |proxy, ctx| {
                proxy.pauses_skipped = false;
                proxy.record_skipped(ctx);
            });
        }
    }
}
