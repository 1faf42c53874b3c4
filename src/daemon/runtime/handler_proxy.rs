//! The actor between a watch and its handler, by which a handler is changed while its watch goes on.

use std::{future::ready, sync::Arc, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{Changed, Reason, WatchEvent};
use tokio::sync::watch;

use crate::{
    checkpoint::{Checkpoint, CheckpointFile},
    daemon::{
        config::handler_spec::HandlerSpec,
        runtime::running_handler::{HandlerError, RunningHandler},
    },
    handlers::{Delivered, Payload, RunEnded},
};

/// How soon a handler that has gone without having been stopped gets a successor.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Hands each update on to a handler, and knows what was handled.
pub(super) struct HandlerProxy<Q: Payload> {
    label: Arc<str>,
    spec: HandlerSpec,
    handler: Option<RunningHandler>,
    /// Where updates go now; nowhere while the handler is being changed.
    current: watch::Sender<Option<Recipient<Changed<Q>>>>,
    latest: Option<LatestUpdate<Q>>,
    /// What was handled last: here, or before this proxy was.
    seen: Option<Checkpoint>,
    /// How many updates wait for the handler's acknowledgement.
    in_flight: usize,
    checkpoint: Option<CheckpointFile>,
    ending: bool,
}

/// The last update, and what became of it.
struct LatestUpdate<Q: Payload> {
    changed: Changed<Q>,
    outcome: HandlerOutcome,
}

/// What a handler has made of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandlerOutcome {
    /// It is not through with it.
    Open,
    /// It has given up.
    Failed,
    Succeeded,
}

/// Puts another handler in place of the one there is.
#[derive(Message)]
#[rtype(result = "Result<(), HandlerError>")]
pub(super) struct ReplaceHandler {
    pub(super) label: Arc<str>,
    pub(super) spec: HandlerSpec,
    pub(super) grace: Duration,
}

/// Ends the handler, and the proxy with it. Answered with what was handled last, when nothing of the handler
/// is left.
#[derive(Message)]
#[rtype(result = "Option<Checkpoint>")]
pub(super) struct StopProxy {
    pub(super) grace: Duration,
}

/// The handler may be gone.
#[derive(Message)]
#[rtype(result = "()")]
struct RestartHandler;

impl<Q: Payload> HandlerProxy<Q> {
    /// A proxy to a handler of these settings, which is yet to be started; `seen` was handled before.
    pub(super) fn new(
        label: Arc<str>,
        spec: HandlerSpec,
        checkpoint: Option<CheckpointFile>,
        seen: Option<Checkpoint>,
    ) -> Self {
        let current = watch::Sender::new(None);
        let latest = None;
        Self {
            label,
            spec,
            handler: None,
            current,
            latest,
            seen,
            in_flight: 0,
            checkpoint,
            ending: false,
        }
    }

    /// Starts the handler that the settings ask for.
    fn start_handler(&mut self, ctx: &mut Context<Self>) -> Result<(), HandlerError> {
        let handler = RunningHandler::start(
            &self.spec,
            ctx.address().recipient(),
            ctx.address().recipient(),
        )?;
        self.current.send_replace(Some(handler.recipient()));
        self.handler = Some(handler);
        Ok(())
    }

    /// An update has been acknowledged.
    fn acknowledged(&mut self, index: u64) {
        self.in_flight -= 1;
        // The others tell of the ends of runs and calls: one that failed is acknowledged too.
        if matches!(self.spec, HandlerSpec::Exec(_)) {
            self.record(index, true);
        }
    }

    /// A run or a call has come to its end.
    fn ended(&mut self, index: u64, success: bool, goes_on: bool) {
        // What a handler gives up because it is stopped is not handled.
        if success || (!goes_on && self.handler.is_some()) {
            self.record(index, success);
        }
    }

    fn record(&mut self, index: u64, success: bool) {
        let Some(latest) = self
            .latest
            .as_mut()
            .filter(|latest| latest.changed.index == index)
        else {
            return;
        };
        latest.outcome = if success {
            HandlerOutcome::Succeeded
        } else {
            HandlerOutcome::Failed
        };
        let seen = Checkpoint::of(&latest.changed);
        if let Some(file) = &self.checkpoint
            && let Err(error) = file.store(&seen)
        {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(watch = %self.label, %error, cause, "an update that was handled will come again after a restart");
        }
        self.seen = Some(seen);
    }

    /// Whether an update brings nothing but what was handled last: what another Consul holds may differ in its
    /// indexes alone.
    fn repeats(&self, changed: &Changed<Q>) -> bool {
        let handled = self
            .latest
            .as_ref()
            .is_none_or(|latest| latest.outcome == HandlerOutcome::Succeeded);
        changed.reason == Reason::Resync
            && handled
            && self
                .seen
                .as_ref()
                .is_some_and(|seen| seen.is_same_state(&Checkpoint::of(changed)))
    }

    /// Hands an update to the handler there is, or the next one there will be.
    fn forward(
        &mut self,
        changed: Changed<Q>,
        ctx: &mut Context<Self>,
    ) -> ResponseActFuture<Self, ()> {
        self.in_flight += 1;
        let (mut current, proxy) = (self.current.subscribe(), ctx.address().downgrade());
        let index = changed.index;
        let delivery = async move {
            loop {
                let handler = current.borrow_and_update().clone();
                if let Some(handler) = handler {
                    if handler.send(changed.clone()).await.is_ok() {
                        return;
                    }
                    // It was stopped, or has panicked.
                    if actix_rt::time::timeout(RESTART_DELAY, current.changed())
                        .await
                        .is_err()
                        && let Some(proxy) = proxy.upgrade()
                    {
                        proxy.do_send(RestartHandler);
                    }
                } else if current.changed().await.is_err() {
                    // The proxy is gone, and this future with it.
                    return;
                }
            }
        };
        Box::pin(
            delivery
                .into_actor(self)
                .map(move |(), proxy, _| proxy.acknowledged(index)),
        )
    }
}

impl<Q: Payload> Actor for HandlerProxy<Q> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Err(error) = self.start_handler(ctx) {
            tracing::error!(watch = %self.label, %error, "the handler cannot be started");
        }
    }
}

impl<Q: Payload> Handler<Changed<Q>> for HandlerProxy<Q> {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) -> Self::Result {
        if self.repeats(&changed) {
            return Box::pin(ready(()).into_actor(self));
        }
        self.latest = Some(LatestUpdate {
            changed: changed.clone(),
            outcome: HandlerOutcome::Open,
        });
        self.forward(changed, ctx)
    }
}

impl<Q: Payload> Handler<RunEnded> for HandlerProxy<Q> {
    type Result = ();

    fn handle(&mut self, ended: RunEnded, _: &mut Self::Context) {
        self.ended(
            ended.index,
            ended.exit.is_success(),
            ended.again_in.is_some(),
        );
    }
}

impl<Q: Payload> Handler<Delivered> for HandlerProxy<Q> {
    type Result = ();

    fn handle(&mut self, ended: Delivered, _: &mut Self::Context) {
        self.ended(ended.index, ended.outcome.is_ok(), ended.again_in.is_some());
    }
}

/// The watch itself is in trouble, or is well again: told to the program for errors.
impl<Q: Payload> Handler<WatchEvent> for HandlerProxy<Q> {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, _: &mut Self::Context) {
        if let Some(handler) = &self.handler {
            handler.send_event(event);
        }
    }
}

impl<Q: Payload> Handler<ReplaceHandler> for HandlerProxy<Q> {
    type Result = ResponseActFuture<Self, Result<(), HandlerError>>;

    fn handle(&mut self, swap: ReplaceHandler, _: &mut Self::Context) -> Self::Result {
        let ReplaceHandler { label, spec, grace } = swap;
        let stopped = self.handler.take().map(|handler| handler.stop(grace));
        self.current.send_replace(None);
        let stopped = async move {
            if let Some(stopped) = stopped {
                stopped.await;
            }
            // Its last words are in the mailbox by now, and come first.
            tokio::task::yield_now().await;
        };
        Box::pin(stopped.into_actor(self).map(move |(), proxy, ctx| {
            (proxy.label, proxy.spec) = (label, spec);
            if proxy.ending {
                return Ok(());
            }
            proxy.start_handler(ctx)?;
            let starts_anew = matches!(proxy.spec, HandlerSpec::Exec(_));
            let unfinished = |latest: &&LatestUpdate<Q>| {
                starts_anew || latest.outcome != HandlerOutcome::Succeeded
            };
            // What the old one has not brought to a good end is for the new one.
            if let Some(latest) = proxy
                .latest
                .as_ref()
                .filter(unfinished)
                .filter(|_| proxy.in_flight == 0)
            {
                let changed = latest.changed.clone();
                let delivery = proxy.forward(changed, ctx);
                ctx.spawn(delivery);
            }
            Ok(())
        }))
    }
}

impl<Q: Payload> Handler<StopProxy> for HandlerProxy<Q> {
    type Result = ResponseActFuture<Self, Option<Checkpoint>>;

    fn handle(&mut self, end: StopProxy, _: &mut Self::Context) -> Self::Result {
        self.ending = true;
        let stopped = self.handler.take().map(|handler| handler.stop(end.grace));
        let stopped = async move {
            if let Some(stopped) = stopped {
                stopped.await;
            }
            // Its last words are in the mailbox by now, and come first.
            tokio::task::yield_now().await;
        };
        Box::pin(stopped.into_actor(self).map(|(), proxy, ctx| {
            ctx.stop();
            proxy.seen.take()
        }))
    }
}

impl<Q: Payload> Handler<RestartHandler> for HandlerProxy<Q> {
    type Result = ();

    fn handle(&mut self, _: RestartHandler, ctx: &mut Self::Context) {
        if self.ending
            || self
                .handler
                .as_ref()
                .is_none_or(RunningHandler::is_connected)
        {
            return;
        }
        tracing::error!(watch = %self.label, "the handler has ended unexpectedly and is started again");
        if let Err(error) = self.start_handler(ctx) {
            tracing::error!(watch = %self.label, %error, "the handler cannot be started");
        }
    }
}
