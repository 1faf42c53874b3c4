//! The actor between a watch and its handler, which allows a handler to be replaced while its watch continues.
//!
//! An update that the handler loses is not repeated here. It stays unanswered, so that the engine delivers its
//! latest state at its own pace. An update that the engine takes back is taken back from the handler, unless that
//! has begun.

mod delivery;
mod hand_over;
mod handled_state;
mod open_updates;
mod skipped;
#[cfg(test)]
mod tests;

pub(super) use self::{
    hand_over::ReplaceHandler,
    handled_state::SkippedState,
    skipped::{Skipped, SkippedFirst},
};

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{Backoff, Changed, WatchEvent};
use tokio::{sync::watch, time::Instant};

use crate::{
    checkpoint::{Checkpoint, CheckpointFile, ViewParts},
    daemon::{
        config::handler_spec::HandlerSpec,
        runtime::{
            checkpoint_writer::CheckpointWriter,
            error_handlers::ErrorReporter,
            handler_proxy::{
                delivery::{CurrentHandler, Delivery, Reply, ReplyLater, deliver},
                handled_state::HandledState,
                open_updates::HandOver,
            },
            handler_view::ItemOf,
            running_handler::RunningHandler,
        },
    },
    handlers::{HandledChange, HandlerPayload, RunEnded, WebhookDelivered},
};

/// The interval of the check whether the handler has ended unexpectedly.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Forwards each update to a handler, and records which state was handled last.
pub(super) struct HandlerProxy<Q: HandlerPayload> {
    label: Arc<str>,
    spec: HandlerSpec,
    errors: ErrorReporter,
    handler: HandlerState,
    /// The recipient of updates; `None` while no handler runs, or while it gets what the one before has not handled.
    current: watch::Sender<Option<CurrentHandler<Q>>>,
    /// Sends what the handler before has not handled.
    sending: Option<SpawnHandle>,
    handled: HandledState<Q>,
    /// Whether the checkpoint file does not hold the state yet that was handled before.
    moves_seen: bool,
    /// The state of each update of the engine that the handler has not acknowledged.
    in_flight: Vec<Arc<Q::Value>>,
    /// Whether a state that was skipped has been recorded a moment ago.
    pauses_skipped: bool,
    /// The pauses before a handler that ended unexpectedly is restarted.
    restarts: Backoff,
}

/// The handler of a proxy.
enum HandlerState {
    Running(RunningHandler),
    /// The handler ended unexpectedly, and a timer restarts it.
    Restarting,
    /// The old handler is finishing.
    Replacing(Option<RunningHandler>),
    /// The proxy is stopping, and with it the handler.
    Stopped(Option<RunningHandler>),
}

/// Stops the handler and the proxy, also while the handler is being replaced. The reply comes when nothing of the
/// handler is left, and holds the state that was handled last.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Option<Checkpoint>")]
pub(super) struct StopProxy {
    pub(super) grace: Duration,
}

impl<Q: HandlerPayload> HandlerProxy<Q> {
    /// Creates a proxy, which starts the handler when it starts. The state `seen` was handled before.
    pub(super) fn new(
        label: Arc<str>,
        spec: HandlerSpec,
        errors: ErrorReporter,
        checkpoint: Option<CheckpointFile>,
        seen: Option<Checkpoint>,
    ) -> Self {
        let writer = checkpoint.map(|file| CheckpointWriter::new(file, Arc::clone(&label)));
        Self {
            label,
            spec,
            errors,
            handler: HandlerState::Restarting,
            current: watch::Sender::new(None),
            handled: HandledState::new(writer, seen),
            sending: None,
            moves_seen: false,
            in_flight: Vec::new(),
            pauses_skipped: false,
            restarts: Backoff::default(),
        }
    }

    /// Counts only these parts of the entries.
    pub(super) fn with_view(mut self, view: Option<ViewParts<ItemOf<Q>>>) -> Self {
        self.handled = self.handled.with_view(view);
        self
    }

    /// Writes the state that was handled before, for a file that does not hold it yet.
    pub(super) fn moving_seen(mut self, moves: bool) -> Self {
        self.moves_seen = moves;
        self
    }

    fn is_running(&self) -> bool {
        matches!(self.handler, HandlerState::Running(_))
    }

    /// Starts the handler. One that ended unexpectedly gets only the newest state: an older one may be what ended it.
    fn restart_handler(&mut self, ctx: &mut Context<Self>) {
        if !matches!(self.handler, HandlerState::Restarting) {
            return;
        }
        if let Err(error) = self.start_handler(HandOver::Newest, ctx) {
            tracing::error!(
                label = &*self.label,
                error = error.to_string(),
                "handler not started; retrying"
            );
            self.restart_later(ctx);
        }
    }

    fn restart_later(&mut self, ctx: &mut Context<Self>) {
        let pause = self.restarts.failed(Instant::now());
        ctx.run_later(pause, Self::restart_handler);
    }

    fn is_exec(&self) -> bool {
        matches!(self.spec, HandlerSpec::Exec(_))
    }

    /// Returns whether the engine waits for the end of this update.
    fn awaits(&self, changed: &Changed<Q>) -> bool {
        let mut in_flight = self.in_flight.iter();
        in_flight.any(|state| Arc::ptr_eq(state, &changed.current))
    }

    /// Forwards an update to the current handler, or to the next one if none runs.
    fn forward(
        &mut self,
        mut changed: Changed<Q>,
        reply: impl Future<Output = Reply> + 'static,
        ctx: &mut Context<Self>,
    ) {
        self.in_flight.push(Arc::clone(&changed.current));
        let current = self.current.subscribe();
        let marked = self.handled.mark_begun();
        let delivery = async move {
            let mut reply = reply.await;
            if let Some(marked) = marked {
                marked.await;
            }
            let delivery = deliver(&mut changed, current, &mut reply).await;
            (changed, delivery, reply)
        };
        let delivery = delivery
            .into_actor(self)
            .map(|(changed, delivery, reply), proxy, ctx| {
                proxy.delivered(&changed, delivery, reply, ctx);
            });
        ctx.spawn(delivery);
    }

    /// Notes the end of a delivery, and replies to the engine.
    fn delivered(
        &mut self,
        changed: &Changed<Q>,
        delivery: Delivery,
        reply: Reply,
        ctx: &mut Context<Self>,
    ) {
        let mut in_flight = self.in_flight.iter();
        if let Some(at) = in_flight.position(|state| Arc::ptr_eq(state, &changed.current)) {
            self.in_flight.remove(at);
        }
        match delivery {
            Delivery::Acknowledged => {
                // Scripts and URLs report the outcome themselves: they acknowledge failures too.
                if self.is_exec() {
                    self.record(changed, true, ctx);
                }
                reply.send();
            }
            Delivery::Retracted => self.handled.returned(changed),
            Delivery::HandlerEnded => {
                if reply.is_awaited() {
                    self.handled.returned(changed);
                }
                self.handler_ended(ctx);
            }
        }
    }

    /// Restarts a handler that ended unexpectedly.
    fn handler_ended(&mut self, ctx: &mut Context<Self>) {
        if matches!(&self.handler, HandlerState::Running(handler) if !handler.is_connected()) {
            self.take_handler(|_| HandlerState::Restarting, ctx);
            tracing::error!(
                label = &*self.label,
                "handler ended unexpectedly; restarting it"
            );
            self.restart_later(ctx);
        }
    }

    /// Notes that a run or a call has ended.
    fn ended(
        &mut self,
        change: Option<&HandledChange>,
        success: bool,
        retries: bool,
        ctx: &mut Context<Self>,
    ) {
        // A run that ends because its handler is stopped counts as not handled.
        if (success || (!retries && self.is_running()))
            && let Some(changed) = change.and_then(HandledChange::of)
        {
            self.record(changed, success, ctx);
        }
    }

    /// Records that the handler has finished an update.
    fn record(&mut self, changed: &Changed<Q>, success: bool, ctx: &mut Context<Self>) {
        if let Some(write) = self.handled.record(changed, success) {
            ctx.spawn(write.into_actor(self));
        }
        self.record_skipped(ctx);
    }
}

impl<Q: HandlerPayload> Actor for HandlerProxy<Q> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.moves_seen
            && let Some(write) = self.handled.write_seen()
        {
            ctx.spawn(write.into_actor(self));
        }
        self.restart_handler(ctx);
        // A handler may end after it has acknowledged an update and before it has finished it.
        ctx.run_interval(CHECK_INTERVAL, Self::handler_ended);
    }
}

impl<Q: HandlerPayload> Handler<Changed<Q>> for HandlerProxy<Q> {
    type Result = ReplyLater;

    fn handle(&mut self, mut changed: Changed<Q>, ctx: &mut Self::Context) -> Self::Result {
        let (response, reply) = Reply::later();
        if self.handled.repeats(&changed) {
            ctx.spawn(async { reply.await.send() }.into_actor(self));
            return response;
        }
        self.handled.begin(&mut changed, self.spec.most_open());
        self.forward(changed, reply, ctx);
        response
    }
}

impl<Q: HandlerPayload> Handler<RunEnded> for HandlerProxy<Q> {
    type Result = ();

    fn handle(&mut self, ended: RunEnded, ctx: &mut Self::Context) {
        self.errors.run(&ended, self.is_running());
        // A program that is kept running has handled a state once it runs.
        if !ended.is_kept {
            self.ended(
                ended.change.as_ref(),
                ended.exit.is_success(),
                ended.retry_in.is_some(),
                ctx,
            );
        }
    }
}

impl<Q: HandlerPayload> Handler<WebhookDelivered> for HandlerProxy<Q> {
    type Result = ();

    fn handle(&mut self, ended: WebhookDelivered, ctx: &mut Self::Context) {
        self.errors.call(&ended, self.is_running());
        self.ended(
            ended.change.as_ref(),
            ended.outcome.is_ok(),
            ended.retry_in.is_some(),
            ctx,
        );
    }
}

/// Reports failures and recoveries of the watch itself.
impl<Q: HandlerPayload> Handler<WatchEvent> for HandlerProxy<Q> {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, _: &mut Self::Context) {
        self.errors.event(&event);
    }
}

impl<Q: HandlerPayload> Handler<StopProxy> for HandlerProxy<Q> {
    type Result = ResponseActFuture<Self, Option<Checkpoint>>;

    fn handle(&mut self, message: StopProxy, ctx: &mut Self::Context) -> Self::Result {
        let old = self.take_handler(HandlerState::Stopped, ctx);
        let stopped = stop(old, message.grace).into_actor(self);
        Box::pin(
            stopped
                .then(|(), proxy, _| {
                    let (seen, write) = proxy.handled.finish();
                    async {
                        if let Some(write) = write {
                            write.await;
                        }
                        seen
                    }
                    .into_actor(proxy)
                })
                .map(|seen, _, ctx| {
                    ctx.stop();
                    seen
                }),
        )
    }
}

/// Stops a handler, and lets the reports of its last runs be handled.
async fn stop(handler: Option<RunningHandler>, grace: Duration) {
    if let Some(handler) = handler {
        handler.stop(grace).await;
    }
    // The reports are in the mailbox by now.
    tokio::task::yield_now().await;
}
