//! The actor that runs a program on each change.

use std::{collections::HashMap, fmt, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{Changed, WatchEvent};
use tokio::{sync::mpsc::unbounded_channel, time::Instant};

use super::{
    alarm::{Alarm, Trouble},
    options::Script,
};
use crate::handlers::{
    change::State,
    job::{Job, StreamKey},
    lifecycle::{Jobs, Lifecycle, RunsJobs, Shutdown, StopHandler},
    owed::{Owed, owed},
    payload::Payload,
    process::{Ended, Exit, Order, Orders, Output, Pipes, ProgramError, Terms, spawn, supervise},
    queue::{RetryAt, Ticket},
    runs::{RunEnded, Runs, ScriptStatus},
    signal::ForwardSignal,
};

/// The run of a program for a state.
type Run = Job<Box<dyn State>>;

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
    jobs: Jobs<Box<dyn State>>,
    running: HashMap<Ticket, Orders>,
    alarm: Option<Alarm>,
    runs: Runs,
    shutdown: Shutdown,
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
        Ok(Self {
            jobs: Jobs::new(script.mode),
            script,
            running: HashMap::new(),
            alarm,
            runs: Runs::default(),
            shutdown: Shutdown::default(),
        })
    }

    fn terms(&self) -> Terms {
        Terms {
            timeout: self.script.timeout,
            ask: self.script.options.stop_signal,
            grace: self.script.options.grace,
            forks: self.script.forks,
        }
    }

    fn ended(&mut self, ticket: Ticket, mut run: Run, ended: Ended, ctx: &mut Context<Self>) {
        self.running.remove(&ticket);
        let Ended {
            exit,
            output,
            duration,
        } = ended;
        let succeeded = exit.is_success();
        let stopping = self.shutdown.is_stopping();
        let mut again_in = None;
        if !succeeded && !stopping {
            again_in = run.pause(self.script.options.retry.as_ref());
        }
        let report = RunEnded {
            path: Some(run.path().clone()),
            index: run.work.index(),
            exit,
            duration,
            output,
            attempt: run.attempts(),
            again_in,
        };
        report.log(&self.script.program.name());
        self.runs.count(&report);
        self.script.options.report(report.clone());
        if !succeeded && !stopping {
            self.alarmed(Trouble::of_run(&report), ctx);
        }
        let ends = !succeeded && again_in.is_none() && (stopping || self.script.ends_on_failure);
        if ends {
            run.abandon();
        }
        let retry = again_in.map(|pause| RetryAt {
            at: Instant::now() + pause,
            binding: false,
        });
        self.jobs.queue.ended(ticket, run, retry);
        if ends && !stopping {
            self.begin_shutdown(self.script.options.grace, ctx);
        }
        self.stop_when_idle(ctx);
    }

    /// Tells a trouble to the program for it, if there is one.
    fn alarmed(&mut self, trouble: Option<Trouble>, ctx: &mut Context<Self>) {
        let Some(alarm) = &mut self.alarm else { return };
        let Some(trouble) = alarm.take(trouble) else {
            return;
        };
        let pipes = Pipes {
            input: true,
            output: self.script.options.output,
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
                    if !handler.shutdown.is_stopping() {
                        handler.alarmed(None, ctx);
                    }
                    handler.stop_when_idle(ctx);
                }));
            }
            Err(error) => alarm.ended(&Exit::from(error), &Output::default()),
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

impl Lifecycle for ScriptHandler {
    fn shutdown(&mut self) -> &mut Shutdown {
        &mut self.shutdown
    }

    fn begin_shutdown(&mut self, grace: Duration, ctx: &mut Context<Self>) {
        self.shutdown.begin();
        self.jobs.clear(ctx);
        self.order(Order::Finish(grace));
    }

    fn is_idle(&self) -> bool {
        let alarm = self.alarm.as_ref().and_then(|alarm| alarm.orders.as_ref());
        self.running.is_empty() && alarm.is_none()
    }
}

impl RunsJobs for ScriptHandler {
    type Work = Box<dyn State>;

    fn jobs(&mut self) -> &mut Jobs<Self::Work> {
        &mut self.jobs
    }

    fn start_job(&mut self, ticket: Ticket, mut run: Run, ctx: &mut Context<Self>) {
        run.begin_attempt();
        let program = &self.script.program;
        let started = run.work.input().map_err(|source| {
            let (program, path) = (program.name(), run.path().to_string());
            ProgramError::Payload {
                program,
                path,
                source,
            }
        });
        let started = started.and_then(|input| {
            let pipes = Pipes {
                input: true,
                output: self.script.options.output,
            };
            let variables = run.work.facts().variables();
            Ok((spawn(program, &variables, pipes)?, input))
        });
        match started {
            Ok((child, input)) => {
                let (orders, receiver) = unbounded_channel();
                self.running.insert(ticket, orders);
                let life = supervise(child, input, self.terms(), receiver).into_actor(self);
                ctx.spawn(life.map(move |ended, handler, ctx| {
                    handler.ended(ticket, run, ended, ctx);
                    handler.start_due(ctx);
                }));
            }
            Err(error) => self.ended(ticket, run, Ended::not_started(error), ctx),
        }
    }
}

impl<Q: Payload> Handler<Changed<Q>> for ScriptHandler {
    type Result = Owed;

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) -> Owed {
        let (acknowledgement, owed) = owed();
        if !self.shutdown.is_stopping() {
            let stream = StreamKey::of(&changed);
            let run = Job::new(stream, Box::new(changed) as Box<dyn State>, acknowledgement);
            let now = Instant::now();
            let due = now.checked_add(self.script.options.delay()).unwrap_or(now);
            self.jobs.queue.arrived(run, due);
            self.start_due(ctx);
        }
        owed
    }
}

impl Handler<WatchEvent> for ScriptHandler {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, ctx: &mut Self::Context) {
        if let Some(trouble) = Trouble::of_watch(&event)
            && !self.shutdown.is_stopping()
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

    fn handle(&mut self, stop: StopHandler, ctx: &mut Self::Context) -> Self::Result {
        self.stop(stop, ctx)
    }
}

impl Handler<ScriptStatus> for ScriptHandler {
    type Result = MessageResult<ScriptStatus>;

    fn handle(&mut self, _: ScriptStatus, _: &mut Self::Context) -> Self::Result {
        let (running, waiting) = (self.running.len(), self.jobs.queue.waiting());
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
            .field("waiting", &self.jobs.queue.waiting())
            .finish_non_exhaustive()
    }
}
