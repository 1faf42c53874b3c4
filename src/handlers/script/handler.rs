//! [`ScriptHandler`]: the actor that runs a program on each change.

use std::{collections::HashMap, fmt, time::Duration};

use actix::prelude::*;
use consul_watch_actors::Changed;
use tokio::{sync::mpsc::unbounded_channel, time::Instant};

use super::options::Script;
use crate::handlers::{
    change::ErasedChange,
    deferred_reply::{DeferredReply, deferred_reply},
    job::{Job, StreamKey},
    lifecycle::{Jobs, Lifecycle, RunsJobs, Shutdown, StopHandler},
    payload::HandlerPayload,
    process::{
        ChildCommand, ChildOutcome, CommandSender, Exit, Pipes, ProgramError, RunLimits, spawn,
        supervise,
    },
    run_stats::{GetRunStats, RunEnded, RunStats},
    signal::ForwardSignal,
    task_queue::{RetryAt, TaskId},
};

/// The run of a program for a state.
type Run = Job<Box<dyn ErasedChange>>;

/// A subscriber that runs a program on each change, with the new state as JSON on its stdin.
///
/// It takes changes of every type of watch, and of several watches of one supervisor at a time. Start another
/// one for the watches of another Consul. The program's stdin has what Consul's own
/// [handlers](https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches#handlers) get: the JSON of the
/// state and a newline, or with [`Script::payload`] a line for each change. Its environment has:
///
/// | variable | value |
/// |---|---|
/// | `CONSUL_INDEX` | the index, as for Consul's own handlers; 0 for a watch without one |
/// | `CONSUL_WATCH_TYPE` | `key`, `keyprefix`, `service` … |
/// | `CONSUL_WATCH_NAME` | the key, the prefix, the service … |
/// | `CONSUL_WATCH_PATH` | both, with the watch's options, as in the logs |
/// | `CONSUL_WATCH_REASON` | `first`, `change` or `resync` |
/// | `CONSUL_WATCH_ADDED`, `_UPDATED`, `_REMOVED` | numbers of entries, since the last state that was run |
/// | `CONSUL_WATCH_COALESCED` | number of states in between that were not run |
/// | `CONSUL_WATCH_REPEATED` | `1` if the state may have been run in part before a crash, else `0` |
///
/// A program that does not read its stdin is no error. A program that hangs is ended with all that it forked.
/// Its output takes a bounded amount of memory. When the actor ends, for whatever reason, the program ends too.
///
/// It handles the messages `Changed`, [`StopHandler`], [`ForwardSignal`] and [`GetRunStats`].
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
    jobs: Jobs<Box<dyn ErasedChange>>,
    running: HashMap<TaskId, CommandSender>,
    runs: RunStats,
    shutdown: Shutdown,
}

impl ScriptHandler {
    /// Creates a handler that runs this program.
    ///
    /// # Errors
    ///
    /// As [`Script::validate`].
    pub fn new(script: Script) -> Result<Self, ProgramError> {
        script.validate()?;
        Ok(Self {
            jobs: Jobs::new(script.mode),
            script,
            running: HashMap::new(),
            runs: RunStats::default(),
            shutdown: Shutdown::default(),
        })
    }

    fn limits(&self) -> RunLimits {
        RunLimits {
            timeout: self.script.timeout,
            stop_signal: self.script.options.stop_signal,
            grace: self.script.options.grace,
            orphans: self.script.orphans,
        }
    }

    fn ended(&mut self, id: TaskId, mut run: Run, ended: ChildOutcome, ctx: &mut Context<Self>) {
        self.running.remove(&id);
        let ChildOutcome {
            exit,
            output,
            duration,
            left,
        } = ended;
        let succeeded = exit.is_success();
        let stopping = self.shutdown.is_stopping();
        let attempt = run.attempts();
        let mut retry_in = None;
        if !succeeded && !stopping {
            retry_in = match &exit {
                Exit::Failed(error)
                    if error.is_shortage()
                        || (error.is_not_started() && !self.script.ends_on_failure) =>
                {
                    run.pause_before_start(self.script.options.retry.as_ref())
                }
                _ => run.pause(self.script.options.retry.as_ref()),
            };
        }
        let report = RunEnded {
            program: self.script.program.name(),
            is_kept: false,
            path: Some(run.path().clone()),
            index: run.content.index(),
            exit,
            duration,
            output,
            attempt,
            retry_in,
            change: Some(run.content.handled()),
        };
        report.log("script", self.script.options.label.as_deref());
        self.runs.count(&report);
        self.script.options.report(report);
        let ends = !succeeded && retry_in.is_none() && (stopping || self.script.ends_on_failure);
        if ends {
            run.abandon();
        }
        let retry = retry_in.map(|pause| RetryAt {
            at: Instant::now() + pause,
            binding: false,
        });
        match left.filter(|_| !stopping && !ends) {
            None => self.jobs.queue.ended(id, run, retry),
            // A copy beside it could not be ended either.
            Some(left) => {
                let over = left.ended().into_actor(self);
                ctx.spawn(over.map(move |(), handler, ctx| {
                    handler.jobs.queue.ended(id, run, retry);
                    handler.start_due(ctx);
                }));
            }
        }
        if ends && !stopping {
            self.begin_shutdown(self.script.options.grace, ctx);
        }
        self.stop_when_idle(ctx);
    }

    /// Sends a command to all programs that run, and returns their number.
    fn command(&self, command: ChildCommand) -> usize {
        self.running
            .values()
            .filter(|commands| commands.send(command).is_ok())
            .count()
    }
}

impl Actor for ScriptHandler {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.script.program.warn();
    }
}

impl Lifecycle for ScriptHandler {
    fn shutdown(&mut self) -> &mut Shutdown {
        &mut self.shutdown
    }

    fn begin_shutdown(&mut self, grace: Duration, ctx: &mut Context<Self>) {
        self.shutdown.begin();
        self.jobs.clear(ctx);
        self.command(ChildCommand::Finish(grace));
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty()
    }
}

impl RunsJobs for ScriptHandler {
    type Content = Box<dyn ErasedChange>;

    fn jobs(&mut self) -> &mut Jobs<Self::Content> {
        &mut self.jobs
    }

    fn start_job(&mut self, id: TaskId, mut run: Run, ctx: &mut Context<Self>) {
        run.begin_attempt();
        let program = &self.script.program;
        let pipes = Pipes {
            input: Some(run.content.input(self.script.options.payload)),
            output: self.script.options.output,
        };
        let mut variables = run.content.summary().variables();
        let repeated = u8::from(run.is_repeat).to_string();
        variables.insert("CONSUL_WATCH_REPEATED", repeated);
        match spawn(program, &variables, pipes) {
            Ok(child) => {
                let (commands, receiver) = unbounded_channel();
                self.running.insert(id, commands);
                let life = supervise(child, self.limits(), receiver).into_actor(self);
                ctx.spawn(life.map(move |ended, handler, ctx| {
                    handler.ended(id, run, ended, ctx);
                    handler.start_due(ctx);
                }));
            }
            Err(error) => self.ended(id, run, ChildOutcome::not_started(error), ctx),
        }
    }
}

impl<Q: HandlerPayload> Handler<Changed<Q>> for ScriptHandler {
    type Result = DeferredReply;

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) -> DeferredReply {
        let (reply_handle, deferred_reply) = deferred_reply();
        if !self.shutdown.is_stopping() {
            let stream = StreamKey::of(&changed);
            let mut run = Job::new(
                stream,
                Box::new(changed) as Box<dyn ErasedChange>,
                reply_handle,
            );
            run.is_repeat = std::mem::take(&mut self.script.first_may_repeat);
            let now = Instant::now();
            let due = now.checked_add(self.script.options.delay()).unwrap_or(now);
            self.jobs.queue.arrived(run, due);
            self.start_due(ctx);
        }
        deferred_reply
    }
}

impl Handler<ForwardSignal> for ScriptHandler {
    type Result = usize;

    fn handle(&mut self, ForwardSignal(signal): ForwardSignal, _: &mut Self::Context) -> usize {
        self.command(ChildCommand::Signal(signal))
    }
}

impl Handler<StopHandler> for ScriptHandler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, stop: StopHandler, ctx: &mut Self::Context) -> Self::Result {
        self.stop(stop, ctx)
    }
}

impl Handler<GetRunStats> for ScriptHandler {
    type Result = MessageResult<GetRunStats>;

    fn handle(&mut self, _: GetRunStats, _: &mut Self::Context) -> Self::Result {
        let (running, waiting) = (self.running.len(), self.jobs.queue.waiting());
        MessageResult(RunStats {
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
