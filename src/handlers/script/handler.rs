//! The actor that runs a program on each change.

use std::{collections::HashMap, fmt, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{Changed, WatchEvent};
use tokio::{
    sync::{mpsc::unbounded_channel, oneshot},
    time::Instant,
};

use super::{
    Script,
    alarm::{Alarm, Trouble},
    report::{RunEnded, Runs, ScriptStatus},
    schedule::{Next, Schedule, Ticket},
    work::Work,
};
use crate::handlers::{
    Exit, ForwardSignal, Output, Payload, ProgramError, StopHandler,
    owed::Owed,
    process::{Ended, Order, Orders, Pipes, Terms, spawn, supervise},
};

/// A subscriber that runs a program on each change, with the new state as JSON on its stdin.
///
/// It takes changes of every type of watch, and of several watches of one supervisor at a time; for the
/// watches of another Consul, start another. The program finds on stdin what Consul's own handlers get: the
/// JSON of the state and a newline. Its environment has:
///
/// | variable | holds |
/// |---|---|
/// | `CONSUL_INDEX` | the index, as Consul's own handlers get it; 0 for a watch without one |
/// | `CONSUL_WATCH_TYPE` | `key`, `keyprefix`, `service` … |
/// | `CONSUL_WATCH_NAME` | what is watched: the key, the prefix, the service |
/// | `CONSUL_WATCH_PATH` | both, with the watch's options, as logs have it |
/// | `CONSUL_WATCH_REASON` | `first`, `change` or `resync` |
/// | `CONSUL_WATCH_ADDED`, `_UPDATED`, `_REMOVED` | how many entries were, since the last state that was run |
/// | `CONSUL_WATCH_FOLDED` | how many states in between were not run |
///
/// A program that does not read its stdin is no error; one that hangs is ended with all it has forked; what
/// it prints cannot fill our memory. When the actor ends in whatever way, the program ends with it.
///
/// Its messages: `Changed`, [`StopHandler`], [`ForwardSignal`], [`ScriptStatus`], and `WatchEvent` for
/// [`Script::on_error`].
///
/// ```no_run
/// use actix::Actor;
/// use consul_watch::{KeyPrefix, Watch};
/// use consul_watch::handlers::{Program, Script, ScriptHandler};
///
/// # async fn example(watches: actix::Addr<consul_watch::WatchSupervisor>) -> Result<(), Box<dyn std::error::Error>> {
/// let script = Script::service(Program::shell("jq . > /run/app.json"));
/// let handler = ScriptHandler::new(script)?.start();
/// watches.send(Watch::new(KeyPrefix::new("app"), handler)).await??;
/// # Ok(())
/// # }
/// ```
pub struct ScriptHandler {
    script: Script,
    schedule: Schedule<Work>,
    running: HashMap<Ticket, Orders>,
    alarm: Option<Alarm>,
    runs: Runs,
    timer: Option<SpawnHandle>,
    /// Who waits for the end, once it is coming.
    stopping: Option<Vec<oneshot::Sender<()>>>,
}

impl ScriptHandler {
    /// A handler that runs this.
    ///
    /// # Errors
    ///
    /// As [`Script::validate`].
    pub fn new(script: Script) -> Result<Self, ProgramError> {
        script.validate()?;
        let alarm = script.on_error.clone().map(Alarm::new);
        let (schedule, runs) = (Schedule::new(script.mode), Runs::default());
        Ok(Self {
            script,
            schedule,
            running: HashMap::new(),
            alarm,
            runs,
            timer: None,
            stopping: None,
        })
    }

    fn terms(&self) -> Terms {
        let Script {
            timeout,
            ask,
            grace,
            forks,
            ..
        } = self.script;
        Terms {
            timeout,
            ask,
            grace,
            forks,
        }
    }

    /// Runs what may run now.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        while self.stopping.is_none() {
            let now = Instant::now();
            match self.schedule.next(now) {
                Next::Idle => return,
                Next::Wait(at) => {
                    self.timer = Some(ctx.run_later(at - now, |handler, ctx| {
                        handler.timer = None;
                        handler.pump(ctx);
                    }));
                    return;
                }
                Next::Run(ticket, work) => self.run(ticket, work, ctx),
            }
        }
    }

    fn run(&mut self, ticket: Ticket, mut work: Work, ctx: &mut Context<Self>) {
        work.tries += 1;
        let program = &self.script.program;
        let started = work.input().map_err(|source| {
            let (program, path) = (program.name(), work.path().to_string());
            ProgramError::Payload {
                program,
                path,
                source,
            }
        });
        let started = started.and_then(|input| {
            let pipes = Pipes {
                input: true,
                output: self.script.output,
            };
            Ok((spawn(program, &work.facts().variables(), pipes)?, input))
        });
        match started {
            Ok((child, input)) => {
                let (orders, receiver) = unbounded_channel();
                self.running.insert(ticket, orders);
                let life = supervise(child, input, self.terms(), receiver).into_actor(self);
                ctx.spawn(life.map(move |ended, handler, ctx| {
                    handler.ended(ticket, work, ended, ctx);
                    handler.pump(ctx);
                }));
            }
            Err(error) => {
                let (output, duration) = (Output::default(), Duration::ZERO);
                self.ended(
                    ticket,
                    work,
                    Ended {
                        exit: error.into(),
                        output,
                        duration,
                    },
                    ctx,
                );
            }
        }
    }

    fn ended(&mut self, ticket: Ticket, mut work: Work, ended: Ended, ctx: &mut Context<Self>) {
        self.running.remove(&ticket);
        let Ended {
            exit,
            output,
            duration,
        } = ended;
        let succeeded = exit.is_success();
        let mut again_in = None;
        if !succeeded && self.stopping.is_none() {
            let retry = self.script.retry.as_ref();
            again_in = retry.and_then(|retry| retry.pause(&mut work.backoff, work.tries));
        }
        let given_up = !succeeded && again_in.is_none();
        let report = RunEnded {
            path: Some(work.path().clone()),
            index: work.index(),
            exit,
            duration,
            output,
            attempt: work.tries,
            again_in,
        };
        report.log(&self.script.program.name());
        self.runs.count(&report);
        if let Some(events) = &self.script.events {
            events.do_send(report.clone());
        }
        if !succeeded && self.stopping.is_none() {
            self.alarmed(Trouble::of_run(&report), ctx);
        }
        if given_up && (self.stopping.is_some() || self.script.ends_on_failure) {
            // Dropped without an acknowledgement: it was not handled.
            drop(work);
            self.stop(self.script.grace, ctx);
        } else {
            self.schedule
                .ended(ticket, work, again_in.map(|pause| Instant::now() + pause));
        }
        self.stop_when_done(ctx);
    }

    /// Tells a trouble to the program for it, if there is one.
    fn alarmed(&mut self, trouble: Option<Trouble>, ctx: &mut Context<Self>) {
        let Some(alarm) = &mut self.alarm else { return };
        let Some(trouble) = alarm.take(trouble) else {
            return;
        };
        let pipes = Pipes {
            input: true,
            output: self.script.output,
        };
        match spawn(alarm.program(), &trouble.variables(), pipes) {
            Ok(child) => {
                let (orders, receiver) = unbounded_channel();
                alarm.orders = Some(orders);
                let timeout = self.script.timeout.or(Some(Script::SERVICE_TIMEOUT));
                let terms = Terms {
                    timeout,
                    ..self.terms()
                };
                let life = supervise(child, trouble.input(), terms, receiver).into_actor(self);
                ctx.spawn(life.map(|ended, handler, ctx| {
                    if let Some(alarm) = &mut handler.alarm {
                        alarm.ended(&ended.exit, &ended.output);
                    }
                    if handler.stopping.is_none() {
                        handler.alarmed(None, ctx);
                    }
                    handler.stop_when_done(ctx);
                }));
            }
            Err(error) => alarm.ended(&Exit::from(error), &Output::default()),
        }
    }

    /// Begins to stop: nothing new is run.
    fn stop(&mut self, grace: Duration, ctx: &mut Context<Self>) {
        self.stopping.get_or_insert_default();
        self.schedule.clear();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.order(Order::Finish(grace));
    }

    fn stop_when_done(&mut self, ctx: &mut Context<Self>) {
        if !self.running.is_empty()
            || self
                .alarm
                .as_ref()
                .is_some_and(|alarm| alarm.orders.is_some())
        {
            return;
        }
        if let Some(waiting) = &mut self.stopping {
            for waiting in waiting.drain(..) {
                // Whoever has asked may be gone.
                let _ = waiting.send(());
            }
            ctx.stop();
        }
    }

    /// Gives an order to all that runs; the number of those it reached.
    fn order(&self, order: Order) -> usize {
        let alarm = self.alarm.as_ref().and_then(|alarm| alarm.orders.as_ref());
        self.running
            .values()
            .chain(alarm)
            .filter(|orders| orders.send(order).is_ok())
            .count()
    }
}

impl Actor for ScriptHandler {
    type Context = Context<Self>;
}

impl<Q: Payload> Handler<Changed<Q>> for ScriptHandler {
    type Result = Owed;

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) -> Owed {
        let (work, owed) = Work::new(changed);
        if self.stopping.is_none() {
            let splay = self.script.splay.mul_f64(fastrand::f64());
            let now = Instant::now();
            self.schedule
                .arrived(work, now.checked_add(splay).unwrap_or(now));
            self.pump(ctx);
        }
        owed
    }
}

impl Handler<WatchEvent> for ScriptHandler {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, ctx: &mut Self::Context) {
        if let Some(trouble) = Trouble::of_watch(&event)
            && self.stopping.is_none()
        {
            self.alarmed(Some(trouble), ctx);
        }
    }
}

impl Handler<ForwardSignal> for ScriptHandler {
    type Result = usize;

    fn handle(&mut self, ForwardSignal(signal): ForwardSignal, _: &mut Self::Context) -> usize {
        self.order(Order::Signal(signal))
    }
}

impl Handler<StopHandler> for ScriptHandler {
    type Result = ResponseFuture<()>;

    fn handle(
        &mut self,
        StopHandler { grace }: StopHandler,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        let (sender, stopped) = oneshot::channel();
        self.stop(grace, ctx);
        self.stopping.get_or_insert_default().push(sender);
        self.stop_when_done(ctx);
        Box::pin(async {
            // An error is as good: the actor is gone, and its children with it.
            let _ = stopped.await;
        })
    }
}

impl Handler<ScriptStatus> for ScriptHandler {
    type Result = MessageResult<ScriptStatus>;

    fn handle(&mut self, _: ScriptStatus, _: &mut Self::Context) -> Self::Result {
        let (running, waiting) = (self.running.len(), self.schedule.waiting());
        MessageResult(Runs {
            running,
            waiting,
            ..self.runs.clone()
        })
    }
}

impl fmt::Debug for ScriptHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptHandler")
            .field("script", &self.script)
            .field("running", &self.running.len())
            .field("waiting", &self.schedule.waiting())
            .finish_non_exhaustive()
    }
}
