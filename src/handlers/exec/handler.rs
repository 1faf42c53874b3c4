//! [`ExecHandler`]: the actor that keeps a program running.

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
    payload_kind::PayloadKind,
    process::{
        ChildCommand, ChildOutcome, CommandSender, OrphanPolicy, Pipes, ProgramError, RunLimits,
        spawn, supervise,
    },
    run_stats::{GetRunStats, RunEnded, RunStats, milliseconds},
    signal::ForwardSignal,
};

/// A subscriber that keeps one program running, and signals or restarts it on each change.
///
/// The first state starts the program, with the environment that a
/// [`ScriptHandler`](crate::handlers::ScriptHandler) gives it. When the program exits, it is started again with
/// the newest state. When the actor ends, so do the program and all that it forked. States that arrive before
/// its start or during a restart are coalesced.
///
/// It handles the messages `Changed`, [`StopHandler`], [`ForwardSignal`] and [`GetRunStats`].
pub struct ExecHandler {
    exec: Exec,
    backoff: Backoff,
    /// The newest state.
    state: Option<Box<dyn ErasedChange>>,
    /// The replies to be sent once that state has been handled.
    replies: Vec<ReplyHandle>,
    program_state: ProgramState,
    /// The timer of what is done after a delay: the start, or the effect of a change.
    timer: Option<SpawnHandle>,
    runs: RunStats,
    starts: u32,
    shutdown: Shutdown,
}

/// The state of the program.
#[derive(Debug)]
enum ProgramState {
    /// It was not started yet.
    None,
    /// It has exited, and the timer starts it again.
    Down,
    Up(CommandSender),
    /// It was asked to exit, to be started again.
    Restarting(CommandSender),
}

impl ExecHandler {
    /// Creates a handler that keeps this program running.
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
            replies: Vec::new(),
            program_state: ProgramState::None,
            timer: None,
            runs: RunStats::default(),
            starts: 0,
            shutdown: Shutdown::default(),
        })
    }

    /// Does something now, or after a delay. It replaces what else was delayed.
    fn after(
        &mut self,
        pause: Duration,
        ctx: &mut Context<Self>,
        action: fn(&mut Self, &mut Context<Self>),
    ) {
        self.cancel(ctx);
        if pause.is_zero() {
            return action(self, ctx);
        }
        self.timer = Some(ctx.run_later(pause, move |handler, ctx| {
            handler.timer = None;
            action(handler, ctx);
        }));
    }

    fn cancel(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
    }

    /// Sends the replies: the program has the newest state.
    fn send_replies(&mut self) {
        for reply in self.replies.drain(..) {
            reply.send();
        }
    }

    fn write_state(&self) -> Result<(), ProgramError> {
        let (Some(file), Some(state)) = (&self.exec.state_file, &self.state) else {
            return Ok(());
        };
        state_file::replace(file, &state.input(PayloadKind::State)).map_err(|source| {
            ProgramError::StateFile {
                file: file.clone(),
                source,
            }
        })
    }

    /// The name in log lines.
    fn label(&self) -> String {
        let path = || self.state.as_ref().map(|state| state.path().to_string());
        let label = self.exec.options.label.as_deref().map(str::to_owned);
        label
            .or_else(path)
            .unwrap_or_else(|| self.exec.program.name())
    }

    fn start_program(&mut self, ctx: &mut Context<Self>) {
        self.starts = self.starts.saturating_add(1);
        let variables = self
            .state
            .as_ref()
            .map_or_else(BTreeMap::new, |state| state.summary().variables());
        let pipes = Pipes {
            input: None,
            output: self.exec.options.output,
        };
        match self
            .write_state()
            .and_then(|()| spawn(&self.exec.program, &variables, pipes))
        {
            Ok(child) => {
                let (commands, receiver) = unbounded_channel();
                self.program_state = ProgramState::Up(commands);
                self.backoff.succeeded(Instant::now());
                self.send_replies();
                let limits = RunLimits {
                    timeout: None,
                    stop_signal: self.exec.options.stop_signal,
                    grace: self.exec.options.grace,
                    orphans: OrphanPolicy::End,
                };
                let life = supervise(child, limits, receiver).into_actor(self);
                ctx.spawn(life.map(|ended, handler, ctx| handler.ended(ended, ctx)));
            }
            Err(error) => self.ended(ChildOutcome::not_started(error), ctx),
        }
    }

    fn ended(&mut self, mut ended: ChildOutcome, ctx: &mut Context<Self>) {
        let restarting = matches!(self.program_state, ProgramState::Restarting(_));
        self.program_state = ProgramState::Down;
        let retry_in = match (self.shutdown.is_stopping(), restarting) {
            (true, _) => None,
            (false, true) => Some(Duration::ZERO),
            (false, false) => Some(
                self.backoff
                    .failed(Instant::now())
                    .max(Duration::from_millis(1)),
            ),
        };
        let left = ended.left.take();
        let report = self.report_of(ended, retry_in);
        report.log("exec", self.exec.options.label.as_deref());
        self.runs.count(&report);
        self.exec.options.report(report);
        match (retry_in, left) {
            // A copy beside it could not be ended either.
            (Some(pause), Some(left)) => {
                let over = left.ended().into_actor(self);
                ctx.spawn(over.map(move |(), handler, ctx| {
                    handler.after(pause, ctx, Self::start_program);
                }));
            }
            (Some(pause), None) => self.after(pause, ctx, Self::start_program),
            (None, _) => {}
        }
        self.stop_when_idle(ctx);
    }

    fn report_of(&self, ended: ChildOutcome, retry_in: Option<Duration>) -> RunEnded {
        let ChildOutcome {
            exit,
            output,
            duration,
            ..
        } = ended;
        RunEnded {
            program: self.exec.program.name(),
            is_kept: true,
            path: self.state.as_ref().map(|state| state.path()),
            index: self.state.as_ref().map_or(0, |state| state.index()),
            exit,
            duration,
            output,
            attempt: self.starts,
            retry_in,
            change: None,
        }
    }

    /// Signals or restarts the running program, as a change does.
    fn apply_change(&mut self, ctx: &mut Context<Self>) {
        let ProgramState::Up(commands) = &self.program_state else {
            return;
        };
        if let Err(error) = self.write_state() {
            let pause = self
                .backoff
                .failed(Instant::now())
                .max(Duration::from_millis(1));
            let ended = ChildOutcome::not_started(error);
            tracing::warn!(
                label = self.label(),
                error = ended.exit.to_string(),
                retry_in_ms = milliseconds(pause),
                "the change is not applied yet: the state file was not written"
            );
            self.exec.options.report(self.report_of(ended, Some(pause)));
            return self.after(pause, ctx, Self::apply_change);
        }
        // A program that has just exited is started again with the newest state.
        match self.exec.on_change {
            OnChange::Signal(signal) => {
                let _ = commands.send(ChildCommand::Signal(signal));
                self.send_replies();
            }
            OnChange::Nothing => self.send_replies(),
            OnChange::Restart => {
                let _ = commands.send(ChildCommand::Finish(Duration::ZERO));
                self.program_state = ProgramState::Restarting(commands.clone());
            }
        }
    }

    fn command(&self, command: ChildCommand) -> usize {
        match &self.program_state {
            ProgramState::Up(commands) | ProgramState::Restarting(commands) => {
                usize::from(commands.send(command).is_ok())
            }
            ProgramState::None | ProgramState::Down => 0,
        }
    }
}

impl Actor for ExecHandler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.exec.program.warn();
        if self.exec.at_once {
            self.start_program(ctx);
        }
    }
}

impl Lifecycle for ExecHandler {
    fn shutdown(&mut self) -> &mut Shutdown {
        &mut self.shutdown
    }

    /// Asks the program to exit at once, since it would not finish on its own.
    fn begin_shutdown(&mut self, _: Duration, ctx: &mut Context<Self>) {
        self.shutdown.begin();
        self.replies.clear();
        self.cancel(ctx);
        self.command(ChildCommand::Finish(Duration::ZERO));
    }

    fn is_idle(&self) -> bool {
        matches!(self.program_state, ProgramState::None | ProgramState::Down)
    }
}

impl<Q: HandlerPayload> Handler<Changed<Q>> for ExecHandler {
    type Result = DeferredReply;

    fn handle(&mut self, mut changed: Changed<Q>, ctx: &mut Self::Context) -> DeferredReply {
        let (reply_handle, deferred_reply) = deferred_reply();
        if !self.shutdown.is_stopping() {
            let path = changed.query.path();
            let waits = !self.replies.is_empty();
            if let Some(waiting) = self
                .state
                .take_if(|waiting| waits && waiting.path() == path)
            {
                changed.supersede(&*waiting);
            }
            self.state = Some(Box::new(changed));
            // This state supersedes the older ones.
            self.send_replies();
            self.replies.push(reply_handle);
            let splay = self.exec.options.delay();
            match self.program_state {
                // The delayed action will use this state.
                _ if self.timer.is_some() => {}
                ProgramState::None => self.after(splay, ctx, Self::start_program),
                ProgramState::Up(_) => self.after(splay, ctx, Self::apply_change),
                ProgramState::Down | ProgramState::Restarting(_) => {}
            }
        }
        deferred_reply
    }
}

impl Handler<ForwardSignal> for ExecHandler {
    type Result = usize;

    fn handle(&mut self, ForwardSignal(signal): ForwardSignal, _: &mut Self::Context) -> usize {
        self.command(ChildCommand::Signal(signal))
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
        let running = usize::from(matches!(
            self.program_state,
            ProgramState::Up(_) | ProgramState::Restarting(_)
        ));
        MessageResult(RunStats {
            running,
            waiting: usize::from(!self.replies.is_empty()),
            ..self.runs.clone()
        })
    }
}

impl fmt::Debug for ExecHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecHandler")
            .field("exec", &self.exec)
            .field("program_state", &self.program_state)
            .finish_non_exhaustive()
    }
}
