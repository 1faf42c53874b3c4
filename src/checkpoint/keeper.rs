//! The actor between a watch and a subscriber that writes the checkpoint.

use std::time::Duration;

use actix::prelude::*;
use consul_watch_actors::{Changed, Query, Snapshot, Subscriber};
use serde::Serialize;

use super::{Checkpoint, CheckpointFile};

/// How often it looks whether its subscriber is still there, and the pause before an update that the
/// subscriber lost is handed on again.
const LOOK: Duration = Duration::from_secs(1);

/// Hands each update on, and keeps the checkpoint when it has been handled.
pub(super) struct Keeper<Q: Query> {
    pub(super) file: CheckpointFile,
    pub(super) subscriber: Subscriber<Changed<Q>>,
}

impl<Q: Query> Actor for Keeper<Q> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // With its subscriber, or with the watch, it ends.
        ctx.run_interval(LOOK, |keeper, ctx| {
            if !keeper.subscriber.is_connected() || !ctx.connected() {
                ctx.stop();
            }
        });
    }
}

impl<Q: Query> Handler<Changed<Q>> for Keeper<Q>
where
    <Q::Value as Snapshot>::Item: Serialize,
{
    type Result = ResponseFuture<()>;

    fn handle(&mut self, changed: Changed<Q>, _: &mut Self::Context) -> Self::Result {
        let (file, subscriber) = (self.file.clone(), self.subscriber.clone());
        Box::pin(async move {
            while let Some(request) = subscriber.send(changed.clone()) {
                if request.await.is_ok() {
                    keep(&file, &Checkpoint::of(&changed));
                    break;
                }
                // Its actor was restarted in the middle, or is about to be found gone.
                actix_rt::time::sleep(LOOK).await;
            }
        })
    }
}

fn keep(file: &CheckpointFile, checkpoint: &Checkpoint) {
    if let Err(error) = file.store(checkpoint) {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, cause, "an update that was handled will come again after a restart");
    }
}
