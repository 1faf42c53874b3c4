//! The actor that keeps a program running.

use std::{collections::BTreeMap, fmt, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{Backoff, Changed};
use tokio::{sync::mpsc::unbounded_channel, time::Instant};

use super::{
    options::{Exec, OnChange},
    state_file,
};
use crate::handlers::{
    change::ErasedChange,
    deferred_reply::{DeferredReply, ReplyHandle, deferred_reply},
    lifecycle::{Lifecycle, Shutdown, StopHandler},
    payload::HandlerPayload,
    process::{
        ChildCommand, ChildOutcome, CommandSender, Exit, OrphanPolicy, Pipes, ProgramError,
        RunLimits, spawn, supervise,
    },
    run_stats::{GetRunStats, RunEnded, RunStats},
    signal::ForwardSignal,
};

/// A subscriber that keeps one program running, and signals or restarts it on each change.
///
/// The program is started with the first state, in whose environment it finds what
/// [`ScriptHandler`](crate::handlers::ScriptHandler) tells; started again when it has exited, with the newest
/// state; and ended with the actor, with all it has forked. States that come while it cannot take one (before
/// its start, or during a restart) are folded.
///
/// Its messages: `Changed`, [`StopHandler`], [`ForwardSignal`] and [`GetRunStats`].
pub struct ExecHandler {
    exec: Exec,
    backoff: Backoff,
    /// The newest state.
    state: Option<Box<dyn ErasedChange>>,
    /// Who waits for that state to be handled.
    deferred_reply: Vec<ReplyHandle>,
    child: Child,
    /// What is done later: the start, or what a change does.
    timer: Option<SpawnHandle>,
    runs: RunStats,
    starts: u32,
    shutdown: Shutdown,
}

/// How it stands with the program.
#[derive(Debug)]
enum Child {
    /// Not started yet.
    None,
    /// It has exited, and is started by the timer.
    Down,
    Up(CommandSender),
    /// It was asked to end so that it can be started again.
    Restarting(CommandSender),
}

impl ExecHandler {
    /// A handler that keeps this running.
    ///
    /// # Errors
    ///
    /// As [`Exec::validate`].
    pub fn new(exec: Exec) -> Result<Self, ProgramError> {
        exec.validate()?;
        Ok(Self {
            backoff: exec.backoff.clone_reset(),
            exec,
            state: None,
            deferred_reply: Vec::new(),
            child: Child::None,
            timer: None,
            runs: RunStats::default(),
            starts: 0,
            shutdown: Shutdown::default(),
        })
    }

    /// Does it now, or after a pause; nothing else is then done later.
    fn later(
        &mut self,
        pause: Duration,
        ctx: &mut Context<Self>,
        what: fn(&mut Self, &mut Context<Self>),
    ) {
        self.cancel(ctx);
        if pause.is_zero() {
            return what(self, ctx);
        }
        self.timer = Some(ctx.run_later(pause, move |handler, ctx| {
            handler.timer = None;
            what(handler, ctx);
        }));
    }

    fn cancel(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
    }

    /// The program has the newest state: its senders may go on.
    fn handled(&mut self) {
        for deferred_reply in self.deferred_reply.drain(..) {
            deferred_reply.send();
        }
    }

    fn write_state(&self) -> Result<(), ProgramError> {
        let (Some(file), Some(state)) = (&self.exec.state_file, &self.state) else {
            return Ok(());
        };
        let input = state.input().map_err(|source| ProgramError::Payload {
            program: self.exec.program.name(),
            path: state.path().to_string(),
            source,
        })?;
        state_file::replace(file, &input).map_err(|source| ProgramError::StateFile {
            file: file.clone(),
            source,
        })
    }

    fn start_program(&mut self, ctx: &mut Context<Self>) {
        self.starts = self.starts.saturating_add(1);
        let variables = self
            .state
            .as_ref()
            .map_or_else(BTreeMap::new, |state| state.summary().variables());
        let pipes = Pipes {
            input: false,
            output: self.exec.options.output,
        };
        match self
            .write_state()
            .and_then(|()| spawn(&self.exec.program, &variables, pipes))
        {
            Ok(child) => {
                let (commands, receiver) = unbounded_channel();
                self.child = Child::Up(commands);
                self.backoff.succeeded(Instant::now());
                self.handled();
                let limits = RunLimits {
                    timeout: None,
                    stop_signal: self.exec.options.stop_signal,
                    grace: self.exec.options.grace,
                    orphans: OrphanPolicy::End,
                };
                let life = supervise(child, Vec::new(), limits, receiver).into_actor(self);
                ctx.spawn(life.map(|ended, handler, ctx| handler.ended(ended, ctx)));
            }
            Err(error) => self.ended(ChildOutcome::not_started(error), ctx),
        }
    }

    fn ended(&mut self, ended: ChildOutcome, ctx: &mut Context<Self>) {
        let restarting = matches!(self.child, Child::Restarting(_));
        self.child = Child::Down;
        let retry_in = match (self.shutdown.is_stopping(), restarting) {
            (true, _) => None,
            (false, true) => Some(Duration::ZERO),
            (false, false) => Some(
                self.backoff
                    .failed(Instant::now())
                    .max(Duration::from_millis(1)),
            ),
        };
        let ChildOutcome {
            exit,
            output,
            duration,
        } = ended;
        let report = RunEnded {
            path: self.state.as_ref().map(|state| state.path()),
            index: self.state.as_ref().map_or(0, |state| state.index()),
            exit,
            duration,
            output,
            attempt: self.starts,
            retry_in,
        };
        report.log(&self.exec.program.name());
        self.runs.count(&report);
        self.exec.options.report(report);
        if let Some(pause) = retry_in {
            self.later(pause, ctx, Self::start_program);
        }
        self.stop_when_idle(ctx);
    }

    /// Does to the running program what a change does.
    fn tell_program(&mut self, ctx: &mut Context<Self>) {
        let Child::Up(commands) = &self.child else {
            return;
        };
        if let Err(error) = self.write_state() {
            let pause = self
                .backoff
                .failed(Instant::now())
                .max(Duration::from_millis(1));
            tracing::warn!(error = %Exit::from(error), ?pause, "a change has to wait");
            return self.later(pause, ctx, Self::tell_program);
        }
        // One that has just exited is started again with the newest state.
        match self.exec.on_change {
            OnChange::Signal(signal) => {
                let _ = commands.send(ChildCommand::Signal(signal));
                self.handled();
            }
            OnChange::Restart => {
                let _ = commands.send(ChildCommand::Finish(Duration::ZERO));
                self.child = Child::Restarting(commands.clone());
            }
        }
    }

    fn order(&self, order: ChildCommand) -> usize {
        match &self.child {
            Child::Up(commands) | Child::Restarting(commands) => {
                usize::from(commands.send(order).is_ok())
            }
            Child::None | Child::Down => 0,
        }
    }
}

impl Actor for ExecHandler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.exec.at_once {
            self.start_program(ctx);
        }
    }
}

impl Lifecycle for ExecHandler {
    fn shutdown(&mut self) -> &mut Shutdown {
        &mut self.shutdown
    }

    /// The program is asked to end at once: it would never finish by itself.
    fn begin_shutdown(&mut self, _: Duration, ctx: &mut Context<Self>) {
        self.shutdown.begin();
        self.deferred_reply.clear();
        self.cancel(ctx);
        self.order(ChildCommand::Finish(Duration::ZERO));
    }

    fn is_idle(&self) -> bool {
        matches!(self.child, Child::None | Child::Down)
    }
}

impl<Q: HandlerPayload> Handler<Changed<Q>> for ExecHandler {
    type Result = DeferredReply;

    fn handle(&mut self, mut changed: Changed<Q>, ctx: &mut Self::Context) -> DeferredReply {
        let (reply_handle, deferred_reply) = deferred_reply();
        if !self.shutdown.is_stopping() {
            let path = changed.query.path();
            let waits = !self.deferred_reply.is_empty();
            if let Some(waiting) = self
                .state
                .take_if(|waiting| waits && waiting.path() == path)
            {
                changed.supersede(&*waiting);
            }
            self.state = Some(Box::new(changed));
            // The older ones are covered by this one.
            self.handled();
            self.deferred_reply.push(reply_handle);
            let splay = self.exec.options.delay();
            match self.child {
                // What is going to be done will be done with this state.
                _ if self.timer.is_some() => {}
                Child::None => self.later(splay, ctx, Self::start_program),
                Child::Up(_) => self.later(splay, ctx, Self::tell_program),
                Child::Down | Child::Restarting(_) => {}
            }
        }
        deferred_reply
    }
}

impl Handler<ForwardSignal> for ExecHandler {
    type Result = usize;

    fn handle(&mut self, ForwardSignal(signal): ForwardSignal, _: &mut Self::Context) -> usize {
        self.order(ChildCommand::Signal(signal))
    }
}

impl Handler<StopHandler> for ExecHandler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, stop: StopHandler, ctx: &mut Self::Context) -> Self::Result {
        self.stop(stop, ctx)
    }
}

impl Handler<GetRunStats> for ExecHandler {
    type Result = MessageResult<GetRunStats>;

    fn handle(&mut self, _: GetRunStats, _: &mut Self::Context) -> Self::Result {
        let running = usize::from(matches!(self.child, Child::Up(_) | Child::Restarting(_)));
        MessageResult(RunStats {
            running,
            waiting: usize::from(!self.deferred_reply.is_empty()),
            ..self.runs.clone()
        })
    }
}

impl fmt::Debug for ExecHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecHandler")
            .field("exec", &self.exec)
            .field("child", &self.child)
            .finish_non_exhaustive()
    }
}
