//! The start of a handler: it gets what the handler before has not handled, and then what comes.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use consul_watch_actors::Changed;

use super::{HandlerProxy, HandlerState, delivery::CurrentHandler, open_updates::HandOver, stop};
use crate::{
    daemon::{
        config::handler_spec::HandlerSpec,
        runtime::{
            error_handlers::ErrorReporter,
            running_handler::{HandlerError, RunningHandler},
        },
    },
    handlers::HandlerPayload,
};

/// Replaces the handler.
#[derive(Message)]
#[rtype(result = "Result<(), HandlerError>")]
pub(in crate::daemon::runtime) struct ReplaceHandler {
    pub(in crate::daemon::runtime) label: Arc<str>,
    pub(in crate::daemon::runtime) spec: HandlerSpec,
    pub(in crate::daemon::runtime) errors: ErrorReporter,
    pub(in crate::daemon::runtime) grace: Duration,
}

impl<Q: HandlerPayload> HandlerProxy<Q> {
    /// Starts the handler, and hands over what the one before has not handled.
    pub(super) fn start_handler(
        &mut self,
        how: HandOver,
        ctx: &mut Context<Self>,
    ) -> Result<(), HandlerError> {
        let handler = RunningHandler::start(
            &self.spec,
            &self.label,
            self.handled.is_unfinished(),
            ctx.address().recipient(),
            ctx.address().recipient(),
        )?;
        let recipient = handler.recipient();
        self.handler = HandlerState::Running(handler);
        let starts_anew = matches!(self.spec, HandlerSpec::Exec(_));
        let mut handed = self.handled.hand_over(how, starts_anew);
        // The delivery of the newest may wait for this handler.
        let awaited = handed.pop_if(|newest| self.awaits(newest));
        self.send_in_order(handed, CurrentHandler { recipient, awaited }, ctx);
        Ok(())
    }

    /// Sends these updates to a handler, one after another, and then lets it take what comes.
    fn send_in_order(
        &mut self,
        mut updates: Vec<Changed<Q>>,
        handler: CurrentHandler<Q>,
        ctx: &mut Context<Self>,
    ) {
        let Some(last) = updates.pop() else {
            self.current.send_replace(Some(handler));
            return;
        };
        let (marked, recipient) = (self.handled.mark_begun(), handler.recipient.clone());
        let earlier = async move {
            if let Some(marked) = marked {
                marked.await;
            }
            for update in updates {
                // A handler that has ended does not take the last one either.
                let _ = recipient.send(update).await;
            }
        };
        let sending = earlier.into_actor(self).then(|(), proxy, _| {
            // It is in the mailbox before anything that comes.
            let request = handler.recipient.send(last.clone());
            proxy.current.send_replace(Some(handler));
            async { request.await.map(|()| last) }.into_actor(proxy)
        });
        let sending = sending.map(|sent, proxy, ctx| {
            proxy.sending = None;
            match sent {
                Ok(last) if proxy.is_exec() => proxy.record(&last, true, ctx),
                Ok(_) => {}
                Err(_) => proxy.handler_ended(ctx),
            }
        });
        self.sending = Some(ctx.spawn(sending));
    }

    /// Takes the handler away that runs or is finishing. Updates wait for the next one.
    pub(super) fn take_handler(
        &mut self,
        next: impl FnOnce(Option<RunningHandler>) -> HandlerState,
        ctx: &mut Context<Self>,
    ) -> Option<RunningHandler> {
        self.current.send_replace(None);
        if let Some(sending) = self.sending.take() {
            ctx.cancel_future(sending);
        }
        let old = match &self.handler {
            HandlerState::Running(handler) => Some(handler.clone()),
            HandlerState::Replacing(handler) | HandlerState::Stopped(handler) => handler.clone(),
            HandlerState::Restarting => None,
        };
        self.handler = next(old.clone());
        old
    }
}

impl<Q: HandlerPayload> Handler<ReplaceHandler> for HandlerProxy<Q> {
    type Result = ResponseActFuture<Self, Result<(), HandlerError>>;

    fn handle(&mut self, message: ReplaceHandler, ctx: &mut Self::Context) -> Self::Result {
        let ReplaceHandler {
            label,
            spec,
            errors,
            grace,
        } = message;
        let old = self.take_handler(HandlerState::Replacing, ctx);
        let stopped = stop(old, grace).into_actor(self);
        Box::pin(stopped.map(move |(), proxy, ctx| {
            (proxy.label, proxy.spec, proxy.errors) = (label, spec, errors);
            if matches!(proxy.handler, HandlerState::Stopped(_)) {
                return Ok(());
            }
            // A queue promises that each state is handled.
            let how = match proxy.spec.most_open() {
                None => HandOver::Each,
                Some(_) => HandOver::Newest,
            };
            proxy.start_handler(how, ctx)
        }))
    }
}
