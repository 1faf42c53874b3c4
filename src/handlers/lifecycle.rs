//! The lifecycle that the handler actors share: they start the jobs that are due, and stop when nothing of
//! theirs is running any more.

use std::time::Duration;

use actix::prelude::*;
use tokio::{sync::oneshot, time::Instant};

use super::{
    job::{Job, Supersede},
    longest::LONGEST,
    task_queue::{NextTask, QueueMode, TaskId, TaskQueue},
};

/// Stops a handler actor. What it is running may take `grace` to finish, and is then ended.
///
/// The reply comes when nothing of it is left: no program that still runs, no request that is still open.
/// States that were waiting for their turn are given up without an acknowledgement, so that a
/// [checkpoint](crate::checkpoint) does not take them for handled. The actor stops itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct StopHandler {
    /// The time that what is running may take to finish.
    pub grace: Duration,
}

impl StopHandler {
    /// Lets what is running finish within `grace`.
    pub fn within(grace: Duration) -> Self {
        Self { grace }
    }

    /// Ends what is running at once.
    pub fn now() -> Self {
        Self {
            grace: Duration::ZERO,
        }
    }
}

/// The callers that wait for a handler to stop; `None` until the first asks for it.
#[derive(Debug, Default)]
pub(super) struct Shutdown(Option<Vec<oneshot::Sender<()>>>);

impl Shutdown {
    pub(super) fn is_stopping(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn begin(&mut self) {
        self.0.get_or_insert_default();
    }
}

/// A handler actor that can be stopped.
pub(super) trait Lifecycle: Actor<Context = Context<Self>> {
    fn shutdown(&mut self) -> &mut Shutdown;

    /// Starts nothing new from here on, gives up what waits, and lets what runs finish within `grace`.
    fn begin_shutdown(&mut self, grace: Duration, ctx: &mut Context<Self>);

    /// Whether nothing is running.
    fn is_idle(&self) -> bool;

    /// Handles [`StopHandler`].
    fn stop(
        &mut self,
        StopHandler { grace }: StopHandler,
        ctx: &mut Context<Self>,
    ) -> ResponseFuture<()> {
        let (sender, stopped) = oneshot::channel();
        self.shutdown().0.get_or_insert_default().push(sender);
        self.begin_shutdown(grace.min(LONGEST), ctx);
        self.stop_when_idle(ctx);
        Box::pin(async {
            // After an error the actor is gone too, and all that it ran with it.
            let _ = stopped.await;
        })
    }

    fn stop_when_idle(&mut self, ctx: &mut Context<Self>) {
        if self.shutdown().is_stopping() && self.is_idle() {
            self.end(ctx);
        }
    }

    /// Ends the actor, and with it what is still running.
    fn end(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
        for waiting in self.shutdown().0.iter_mut().flat_map(|all| all.drain(..)) {
            // Replies after the context has ended, which drops the futures that hold programs and requests.
            actix_rt::spawn(async move {
                // The caller may be gone.
                let _ = waiting.send(());
            });
        }
    }
}

/// The jobs of a handler, and the timer of the next that is due.
#[derive(Debug)]
pub(super) struct Jobs<W: Supersede> {
    pub(super) queue: TaskQueue<Job<W>>,
    timer: Option<SpawnHandle>,
}

impl<W: Supersede> Jobs<W> {
    pub(super) fn new(mode: QueueMode) -> Self {
        Self {
            queue: TaskQueue::new(mode),
            timer: None,
        }
    }

    /// Gives up those that wait.
    pub(super) fn clear<A: Actor<Context = Context<A>>>(&mut self, ctx: &mut Context<A>) {
        self.queue.clear();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
    }
}

/// A handler actor that runs the jobs of a queue.
pub(super) trait RunsJobs: Lifecycle {
    type Content: Supersede;

    fn jobs(&mut self) -> &mut Jobs<Self::Content>;

    /// Starts a job, which is handed back to [`TaskQueue::ended`] at its end.
    fn start_job(&mut self, id: TaskId, job: Job<Self::Content>, ctx: &mut Context<Self>);

    /// Starts the jobs that are due.
    fn start_due(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.jobs().timer.take() {
            ctx.cancel_future(timer);
        }
        while !self.shutdown().is_stopping() {
            let now = Instant::now();
            match self.jobs().queue.next(now) {
                NextTask::Idle => return,
                NextTask::Wait(at) => {
                    let timer = ctx.run_later(at - now, |handler, ctx| {
                        handler.jobs().timer = None;
                        handler.start_due(ctx);
                    });
                    self.jobs().timer = Some(timer);
                    return;
                }
                NextTask::Run(id, job) => self.start_job(id, job, ctx),
            }
        }
    }
}
