//! [`CheckpointingSubscriber`]: the actor between a watch and its subscriber that writes the checkpoint.

use std::{sync::Arc, time::Duration};

use actix::{
    dev::{MessageResponse, OneshotSender},
    prelude::*,
};
use actix_rt::task::spawn_blocking;
use consul_watch_actors::{Changed, Query, Snapshot, Subscriber};
use serde::Serialize;

use super::{
    Checkpoint,
    file::{CheckpointError, CheckpointFile},
    shared_state::SharedState,
};

/// The shortest time between two writes for states that were skipped.
const SKIPPED_PAUSE: Duration = Duration::from_secs(1);

/// Forwards each update, and writes the checkpoint when it has been handled.
///
/// It does not repeat an update that the subscriber lost. It drops the reply, so that the engine delivers the
/// newest state at its own pace.
pub(super) struct CheckpointingSubscriber<Q: Query> {
    file: CheckpointFile,
    subscriber: Subscriber<Changed<Q>>,
    shared: Arc<SharedState<Changed<Q>>>,
    /// The newest state that was skipped and not written yet.
    skipped: Option<Skipped<Q>>,
    /// Whether a skipped state was written a moment ago.
    pausing: bool,
}

/// A state that was not delivered, since nothing in it counts for the subscriber.
pub(super) struct Skipped<Q: Query> {
    pub(super) query: Arc<Q>,
    pub(super) value: Arc<Q::Value>,
    pub(super) index: u64,
}

/// The state found at the start, which was not delivered, since the subscription is of changes only.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SkippedFirst(pub(super) Checkpoint);

impl<Q: Query> Message for Skipped<Q> {
    type Result = ();
}

impl<Q: Query> CheckpointingSubscriber<Q>
where
    <Q::Value as Snapshot>::Item: Serialize,
{
    pub(super) fn new(
        file: CheckpointFile,
        subscriber: Subscriber<Changed<Q>>,
        shared: Arc<SharedState<Changed<Q>>>,
    ) -> Self {
        Self {
            file,
            subscriber,
            shared,
            skipped: None,
            pausing: false,
        }
    }

    /// Writes the state that was skipped last, unless one was written a moment ago.
    fn write_skipped(&mut self, ctx: &mut Context<Self>) {
        if self.pausing {
            return;
        }
        let Some(Skipped {
            query,
            value,
            index,
        }) = self.skipped.take()
        else {
            return;
        };
        self.pausing = true;
        let (file, shared) = (self.file.clone(), Arc::clone(&self.shared));
        let write = shared.write();
        let written = run(move || {
            let checkpoint = Checkpoint::at(&*query, &*value, index);
            shared.commit(write, &file, following(checkpoint, &shared))
        });
        let pause = async {
            written.await;
            actix_rt::time::sleep(SKIPPED_PAUSE).await;
        };
        ctx.spawn(pause.into_actor(self).map(|(), actor, ctx| {
            actor.pausing = false;
            actor.write_skipped(ctx);
        }));
    }
}

impl<Q: Query> Actor for CheckpointingSubscriber<Q> {
    type Context = Context<Self>;
}

impl<Q: Query> Handler<SkippedFirst> for CheckpointingSubscriber<Q>
where
    <Q::Value as Snapshot>::Item: Serialize,
{
    type Result = ();

    fn handle(&mut self, SkippedFirst(first): SkippedFirst, ctx: &mut Self::Context) {
        let (file, shared) = (self.file.clone(), Arc::clone(&self.shared));
        let write = shared.write();
        let written = run(move || shared.commit(write, &file, first));
        ctx.spawn(actix::fut::wrap_future(written));
    }
}

impl<Q: Query> Handler<Skipped<Q>> for CheckpointingSubscriber<Q>
where
    <Q::Value as Snapshot>::Item: Serialize,
{
    type Result = ();

    fn handle(&mut self, skipped: Skipped<Q>, ctx: &mut Self::Context) {
        self.skipped = Some(skipped);
        self.write_skipped(ctx);
    }
}

impl<Q: Query> Handler<Changed<Q>> for CheckpointingSubscriber<Q>
where
    <Q::Value as Snapshot>::Item: Serialize,
{
    type Result = Forward<Q>;

    fn handle(&mut self, changed: Changed<Q>, _: &mut Self::Context) -> Forward<Q> {
        self.skipped = None;
        Forward {
            changed,
            file: self.file.clone(),
            subscriber: self.subscriber.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

/// An update on its way to the subscriber. The reply follows when it has been handled.
pub(super) struct Forward<Q: Query> {
    changed: Changed<Q>,
    file: CheckpointFile,
    subscriber: Subscriber<Changed<Q>>,
    shared: Arc<SharedState<Changed<Q>>>,
}

impl<Q: Query> MessageResponse<CheckpointingSubscriber<Q>, Changed<Q>> for Forward<Q>
where
    <Q::Value as Snapshot>::Item: Serialize,
{
    fn handle(
        self,
        ctx: &mut Context<CheckpointingSubscriber<Q>>,
        reply: Option<OneshotSender<()>>,
    ) {
        // Only the engine has the address of this actor, and it waits for each reply.
        if let Some(reply) = reply {
            ctx.spawn(actix::fut::wrap_future(self.run(reply)));
        }
    }
}

impl<Q: Query> Forward<Q>
where
    <Q::Value as Snapshot>::Item: Serialize,
{
    /// Drops the reply if the update was not handled.
    async fn run(self, reply: OneshotSender<()>) {
        let Self {
            mut changed,
            file,
            subscriber,
            shared,
        } = self;
        // That of a skipped state would erase the mark.
        shared.discard_writes();
        if let Some(earlier) = shared.checkpoint() {
            earlier.restore_previous(&mut changed);
            mark_begun(earlier, &file, &shared).await;
        }
        if !shared.send(&subscriber, changed.clone()) || shared.answer().await.is_err() {
            return;
        }
        let write = shared.write();
        run(move || {
            let checkpoint = following(Checkpoint::of(&changed), &shared);
            shared.commit(write, &file, checkpoint)
        })
        .await;
        // The engine may be gone.
        let _ = reply.send(());
    }
}

/// Marks the checkpoint before an update is forwarded, since its effects may outlive a crash.
async fn mark_begun<Q: Query>(
    earlier: Checkpoint,
    file: &CheckpointFile,
    shared: &Arc<SharedState<Changed<Q>>>,
) {
    if earlier.begun {
        return;
    }
    let (file, shared) = (file.clone(), Arc::clone(shared));
    let write = shared.write();
    run(move || shared.commit(write, &file, earlier.begun())).await;
}

/// Adds what the checkpoint in the file knows and the agent has forgotten since.
fn following<M: Message<Result = ()> + Send + 'static>(
    checkpoint: Checkpoint,
    shared: &SharedState<M>,
) -> Checkpoint {
    match shared.checkpoint() {
        Some(earlier) => checkpoint.following(&earlier),
        None => checkpoint,
    }
}

/// Runs a write on another thread, since it waits for the disk and may digest a large state.
async fn run(write: impl FnOnce() -> Result<(), CheckpointError> + Send + 'static) {
    match spawn_blocking(write).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "checkpoint not written; the update will be delivered again after a restart");
        }
        Err(error) => {
            tracing::error!(%error, "checkpoint not written: its content panicked while it was serialized");
        }
    }
}
