//! The actor of a handler, of any kind.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use consul_watch_actors::Changed;
use futures_util::future::LocalBoxFuture;

use crate::{
    daemon::config::handler_spec::HandlerSpec,
    handlers::{
        ExecHandler, HandlerPayload, ProgramError, RunEnded, ScriptHandler, StopHandler,
        WebhookDelivered, WebhookError, WebhookHandler,
    },
};

/// The reason why a handler cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// The program is unusable.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The URL, or another setting of the call, is unusable.
    #[error(transparent)]
    Http(#[from] WebhookError),
    /// The watch of the handler has ended.
    #[error("the watch of the handler has ended")]
    Gone(#[from] MailboxError),
}

/// A running handler.
#[derive(Clone)]
pub(super) enum RunningHandler {
    Script(Addr<ScriptHandler>),
    Http(Addr<WebhookHandler>),
    Exec(Addr<ExecHandler>),
}

impl RunningHandler {
    /// Starts a handler, whose log lines have this label. Its first state may be one that was handled in part
    /// (`repeats`). The recipients are notified when a run or a call ends.
    pub(super) fn start(
        spec: &HandlerSpec,
        label: &Arc<str>,
        repeats: bool,
        runs: Recipient<RunEnded>,
        calls: Recipient<WebhookDelivered>,
    ) -> Result<Self, HandlerError> {
        Ok(match spec {
            HandlerSpec::Script(spec) => {
                let script = spec.script().first_may_repeat(repeats).events(runs);
                Self::Script(ScriptHandler::new(script.label(Arc::clone(label)))?.start())
            }
            HandlerSpec::Http(spec) => {
                let webhook = spec.http().first_may_repeat(repeats).events(calls);
                Self::Http(WebhookHandler::new(webhook.label(Arc::clone(label)))?.start())
            }
            HandlerSpec::Exec(spec) => {
                let exec = spec.exec().label(Arc::clone(label)).events(runs);
                Self::Exec(ExecHandler::new(exec)?.start())
            }
        })
    }

    /// Returns the recipient of updates.
    pub(super) fn recipient<Q: HandlerPayload>(&self) -> Recipient<Changed<Q>> {
        match self {
            Self::Script(handler) => handler.clone().recipient(),
            Self::Http(handler) => handler.clone().recipient(),
            Self::Exec(handler) => handler.clone().recipient(),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Script(handler) => handler.connected(),
            Self::Http(handler) => handler.connected(),
            Self::Exec(handler) => handler.connected(),
        }
    }

    /// Stops the handler. The future resolves when no program and no call of it is left.
    pub(super) fn stop(self, grace: Duration) -> LocalBoxFuture<'static, ()> {
        let stop = StopHandler::within(grace);
        Box::pin(async move {
            // A handler that is already gone needs no stop.
            let _ = match self {
                Self::Script(handler) => handler.send(stop).await,
                Self::Http(handler) => handler.send(stop).await,
                Self::Exec(handler) => handler.send(stop).await,
            };
        })
    }
}
