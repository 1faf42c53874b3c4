//! The actor that keeps a program running.

use std::{collections::BTreeMap, fmt, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{Backoff, Changed};
use tokio::{sync::mpsc::unbounded_channel, time::Instant};

use super::{
    file,
    options::{Exec, OnChange},
};
use crate::handlers::{
    change::State,
    lifecycle::{Lifecycle, Shutdown, StopHandler},
    owed::{Acknowledgement, Owed, owed},
    payload::Payload,
    process::{Ended, Exit, Forks, Order, Orders, Pipes, ProgramError, Terms, spawn, supervise},
    runs::{RunEnded, Runs, ScriptStatus},
    signal::ForwardSignal,
};

/// A subscriber that keeps one program running, and signals or restarts it on each change.
///
/// The program is started with the first state, in whose environment it finds what
/// [`ScriptHandler`](crate::handlers::ScriptHandler) tells; started again when it has exited, with the newest
/// state; and ended with the actor, with all it has forked. States that come while it cannot take one (before
/// its start, or during a restart) are folded.
///
/// Its messages: `Changed`, [`StopHandler`], [`ForwardSignal`] and [`ScriptStatus`].
pub struct ExecHandler {
    exec: Exec,
    backoff: Backoff,
    /// The newest state.
    state: Option<Box<dyn State>>,
    /// Who waits for that state to be handled.
    owed: Vec<Acknowledgement>,
    child: Child,
    /// What is done later: the start, or what a change does.
    timer: Option<SpawnHandle>,
    runs: Runs,
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
    Up(Orders),
    /// It was asked to end so that it can be started again.
    Restarting(Orders),
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
            owed: Vec::new(),
            child: Child::None,
            timer: None,
            runs: Runs::default(),
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
        for owed in self.owed.drain(..) {
            owed.give();
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
        file::replace(file, &input).map_err(|source| ProgramError::StateFile {
            file: file.clone(),
            source,
        })
    }

    fn start_program(&mut self, ctx: &mut Context<Self>) {
        self.starts = self.starts.saturating_add(1);
        let variables = self
            .state
            .as_ref()
            .map_or_else(BTreeMap::new, |state| state.facts().variables());
        let pipes = Pipes {
            input: false,
            output: self.exec.options.output,
        };
        match self
            .write_state()
            .and_then(|()| spawn(&self.exec.program, &variables, pipes))
        {
            Ok(child) => {
                let (orders, receiver) = unbounded_channel();
                self.child = Child::Up(orders);
                self.backoff.succeeded(Instant::now());
                self.handled();
                let terms = Terms {
                    timeout: None,
                    ask: self.exec.options.stop_signal,
                    grace: self.exec.options.grace,
                    forks: Forks::End,
                };
                let life = supervise(child, Vec::new(), terms, receiver).into_actor(self);
                ctx.spawn(life.map(|ended, handler, ctx| handler.ended(ended, ctx)));
            }
            Err(error) => self.ended(Ended::not_started(error), ctx),
        }
    }

    fn ended(&mut self, ended: Ended, ctx: &mut Context<Self>) {
        let restarting = matches!(self.child, Child::Restarting(_));
        self.child = Child::Down;
        let again_in = match (self.shutdown.is_stopping(), restarting) {
            (true, _) => None,
            (false, true) => Some(Duration::ZERO),
            (false, false) => Some(
                self.backoff
                    .failed(Instant::now())
                    .max(Duration::from_millis(1)),
            ),
        };
        let Ended {
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
            again_in,
        };
        report.log(&self.exec.program.name());
        self.runs.count(&report);
        self.exec.options.report(report);
        if let Some(pause) = again_in {
            self.later(pause, ctx, Self::start_program);
        }
        self.stop_when_idle(ctx);
    }

    /// Does to the running program what a change does.
    fn tell_program(&mut self, ctx: &mut Context<Self>) {
        let Child::Up(orders) = &self.child else {
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
                let _ = orders.send(Order::Signal(signal));
                self.handled();
            }
            OnChange::Restart => {
                let _ = orders.send(Order::Finish(Duration::ZERO));
                self.child = Child::Restarting(orders.clone());
            }
        }
    }

    fn order(&self, order: Order) -> usize {
        match &self.child {
            Child::Up(orders) | Child::Restarting(orders) => {
                usize::from(orders.send(order).is_ok())
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
        self.owed.clear();
        self.cancel(ctx);
        self.order(Order::Finish(Duration::ZERO));
    }

    fn is_idle(&self) -> bool {
        matches!(self.child, Child::None | Child::Down)
    }
}

impl<Q: Payload> Handler<Changed<Q>> for ExecHandler {
    type Result = Owed;

    fn handle(&mut self, mut changed: Changed<Q>, ctx: &mut Self::Context) -> Owed {
        let (acknowledgement, owed) = owed();
        if !self.shutdown.is_stopping() {
            let path = changed.query.path();
            let waits = !self.owed.is_empty();
            if let Some(waiting) = self
                .state
                .take_if(|waiting| waits && waiting.path() == path)
            {
                changed.supersede(&*waiting);
            }
            self.state = Some(Box::new(changed));
            // The older ones are covered by this one.
            self.handled();
            self.owed.push(acknowledgement);
            let splay = self.exec.options.delay();
            match self.child {
                // What is going to be done will be done with this state.
                _ if self.timer.is_some() => {}
                Child::None => self.later(splay, ctx, Self::start_program),
                Child::Up(_) => self.later(splay, ctx, Self::tell_program),
                Child::Down | Child::Restarting(_) => {}
            }
        }
        owed
    }
}

impl Handler<ForwardSignal> for ExecHandler {
    type Result = usize;

    fn handle(&mut self, ForwardSignal(signal): ForwardSignal, _: &mut Self::Context) -> usize {
        self.order(Order::Signal(signal))
    }
}

impl Handler<StopHandler> for ExecHandler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, stop: StopHandler, ctx: &mut Self::Context) -> Self::Result {
        self.stop(stop, ctx)
    }
}

impl Handler<ScriptStatus> for ExecHandler {
    type Result = MessageResult<ScriptStatus>;

    fn handle(&mut self, _: ScriptStatus, _: &mut Self::Context) -> Self::Result {
        let running = usize::from(matches!(self.child, Child::Up(_) | Child::Restarting(_)));
        MessageResult(Runs {
            running,
            waiting: usize::from(!self.owed.is_empty()),
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
