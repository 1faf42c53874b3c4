//! A handler actor of any kind.

use actix::prelude::*;
use consul_watch_actors::{Changed, WatchEvent};
use futures_util::future::LocalBoxFuture;
use std::time::Duration;

use super::super::spec::{Concurrency, ExecSpec, HandlerSpec, Retry, ScriptSpec};
use crate::handlers::{
    self, Exec, ExecHandler, OnChange, Payload, ProgramError, RunEnded, Script, ScriptHandler, StopHandler,
};

/// A handler that cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// Its program cannot be run.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The watch it belongs to is gone.
    #[error("its watch has ended")]
    Gone(#[from] MailboxError),
}

/// A handler that runs.
pub(super) enum Running {
    Script(Addr<ScriptHandler>),
    Exec(Addr<ExecHandler>),
}

impl Running {
    /// Starts the handler of these settings; `events` is told of the ends of a program's runs.
    pub(super) fn start(spec: &HandlerSpec, events: Recipient<RunEnded>) -> Result<Self, HandlerError> {
        Ok(match spec {
            HandlerSpec::Script(spec) => {
                Self::Script(ScriptHandler::new(script(spec).events(events))?.start())
            }
            HandlerSpec::Exec(spec) => Self::Exec(ExecHandler::new(exec(spec))?.start()),
            HandlerSpec::Http(_) => todo!(),
        })
    }

    /// Where updates go.
    pub(super) fn recipient<Q: Payload>(&self) -> Recipient<Changed<Q>> {
        match self {
            Self::Script(handler) => handler.clone().recipient(),
            Self::Exec(handler) => handler.clone().recipient(),
        }
    }

    /// Tells of what happens to the watch itself.
    pub(super) fn tell(&self, event: WatchEvent) {
        if let Self::Script(handler) = self {
            handler.do_send(event);
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Script(handler) => handler.connected(),
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
                Self::Exec(handler) => handler.send(stop).await,
            };
        })
    }
}

fn script(spec: &ScriptSpec) -> Script {
    let mut script = Script::service(spec.program.clone()).timeout(spec.timeout).retry(retry(&spec.retry));
    if let Some(grace) = spec.grace {
        script = script.grace(grace);
    }
    if let Some(splay) = spec.splay {
        script = script.splay(splay);
    }
    if let Some(program) = &spec.on_error {
        script = script.on_error(program.clone());
    }
    match spec.concurrency {
        Concurrency::One => script.fold(),
        Concurrency::Queue(most) => script.queue(most),
        Concurrency::Parallel(most) => script.parallel(most),
    }
}

fn retry(spec: &Retry) -> Option<handlers::Retry> {
    let retry = handlers::Retry::default().backoff(spec.backoff()?);
    Some(if spec.attempts == 0 { retry.without_end() } else { retry.tries(spec.attempts) })
}

fn exec(spec: &ExecSpec) -> Exec {
    let extras = &spec.extras;
    let mut exec = Exec::new(spec.program.clone());
    if let Some(grace) = spec.grace {
        exec = exec.grace(grace);
    }
    if let Some(splay) = spec.splay {
        exec = exec.splay(splay);
    }
    if let Some(signal) = extras.kill_signal {
        exec = exec.stop_signal(signal);
    }
    if let Some(signal) = extras.reload_signal {
        exec = exec.on_change(OnChange::Signal(signal));
    }
    if extras.restart_on_change {
        exec = exec.on_change(OnChange::Restart);
    }
    if let Some(file) = &extras.state_file {
        exec = exec.state_file(file);
    }
    if spec.start_at_once { exec.start_at_once() } else { exec }
}
