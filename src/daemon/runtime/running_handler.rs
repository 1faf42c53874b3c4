//! A handler actor of any kind.

use std::time::Duration;

use actix::prelude::*;
use consul_watch_actors::{Changed, WatchEvent};
use futures_util::future::LocalBoxFuture;

use crate::{
    daemon::config::handler_spec::HandlerSpec,
    handlers::{
        Delivered, ExecHandler, HttpError, HttpHandler, Payload, ProgramError, RunEnded,
        ScriptHandler, StopHandler,
    },
};

/// A handler that cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// Its program cannot be run.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Its URL cannot be called.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The watch it belongs to is gone.
    #[error("its watch has ended")]
    Gone(#[from] MailboxError),
}

/// A handler that runs.
pub(super) enum RunningHandler {
    Script(Addr<ScriptHandler>),
    Http(Addr<HttpHandler>),
    Exec(Addr<ExecHandler>),
}

impl RunningHandler {
    /// Starts the handler of these settings; the recipients are told of the ends of runs and of calls.
    pub(super) fn start(
        spec: &HandlerSpec,
        runs: Recipient<RunEnded>,
        calls: Recipient<Delivered>,
    ) -> Result<Self, HandlerError> {
        Ok(match spec {
            HandlerSpec::Script(spec) => {
                Self::Script(ScriptHandler::new(spec.script().events(runs))?.start())
            }
            HandlerSpec::Http(spec) => {
                Self::Http(HttpHandler::new(spec.http().events(calls))?.start())
            }
            HandlerSpec::Exec(spec) => Self::Exec(ExecHandler::new(spec.exec())?.start()),
        })
    }

    /// Where updates go.
    pub(super) fn recipient<Q: Payload>(&self) -> Recipient<Changed<Q>> {
        match self {
            Self::Script(handler) => handler.clone().recipient(),
            Self::Http(handler) => handler.clone().recipient(),
            Self::Exec(handler) => handler.clone().recipient(),
        }
    }

    /// Tells of what happens to the watch itself.
    pub(super) fn send_event(&self, event: WatchEvent) {
        if let Self::Script(handler) = self {
            handler.do_send(event);
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Script(handler) => handler.connected(),
            Self::Http(handler) => handler.connected(),
            Self::Exec(handler) => handler.connected(),
        }
    }

    /// Ends it: the future resolves when nothing of it is left.
    pub(super) fn stop(self, grace: Duration) -> LocalBoxFuture<'static, ()> {
        let stop = StopHandler::within(grace);
        Box::pin(async move {
            // One that has gone by itself is as good.
            let _ = match self {
                Self::Script(handler) => handler.send(stop).await,
                Self::Http(handler) => handler.send(stop).await,
                Self::Exec(handler) => handler.send(stop).await,
            };
        })
    }
}
