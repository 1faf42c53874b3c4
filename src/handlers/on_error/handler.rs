//! [`ErrorHandler`]: the actor that runs the program for errors.

use std::{collections::BTreeMap, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{Backoff, Status, WatchEvent, WatchPath, WatchState};
use tokio::{sync::mpsc::unbounded_channel, time::Instant};

use super::{
    health_report::HealthReport,
    incidents::{Announcement, Incidents},
    options::OnError,
};
use crate::handlers::{
    change::named,
    input::ProgramInput,
    lifecycle::{Lifecycle, Shutdown, StopHandler},
    process::{
        ChildCommand, ChildOutcome, CommandSender, Exit, OrphanPolicy, OutputTo, Pipes,
        ProgramError, RunLimits, spawn, supervise,
    },
    retry_policy::RetryPolicy,
    run_stats::{RunEnded, milliseconds},
    signal::Signal,
    webhook::WebhookDelivered,
};
use crate::text::escaped;

/// The interval at which the failures of watches are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// The most of an error that a variable holds, in characters. The input has all of it.
const MAX_VARIABLE: usize = 4096;

/// A subscriber of reports that runs a program when watches or handlers fail, and when they have recovered.
///
/// It handles the reports of handlers (`RunEnded`, `WebhookDelivered`), the `WatchEvent`s of watches, and
/// [`StopHandler`]. Give all handlers and watches the same one, so that one cause is one run.
///
/// ```no_run
/// use actix::Actor;
/// use consul_watch::{KeyPrefix, Watch};
/// use consul_watch::handlers::{ErrorHandler, OnError, Program, Script, ScriptHandler};
///
/// # async fn example(watches: actix::Addr<consul_watch::WatchSupervisor>) -> Result<(), Box<dyn std::error::Error>> {
/// let errors = ErrorHandler::new(OnError::new(Program::new("page-somebody")))?.start();
/// let script = Script::service(Program::new("render")).events(errors.clone().recipient());
/// let handler = ScriptHandler::new(script)?.start();
/// watches.send(Watch::new(KeyPrefix::new("app"), handler).observer(errors)).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ErrorHandler {
    settings: OnError,
    /// The supervisor of the watches, which counts their failures.
    watches: Option<Recipient<Status>>,
    incidents: Incidents,
    /// The sender of commands for the run in progress.
    running: Option<CommandSender>,
    /// When a program that could not be started is tried again.
    retry_at: Option<Instant>,
    /// The back-off since the last start.
    backoff: Option<Backoff>,
    timer: Option<SpawnHandle>,
    shutdown: Shutdown,
}

impl ErrorHandler {
    /// Creates a handler with these settings.
    ///
    /// # Errors
    ///
    /// As [`OnError::validate`].
    pub fn new(settings: OnError) -> Result<Self, ProgramError> {
        settings.validate()?;
        Ok(Self {
            incidents: Incidents::new(settings.threshold),
            settings,
            watches: None,
            running: None,
            retry_at: None,
            backoff: None,
            timer: None,
            shutdown: Shutdown::default(),
        })
    }

    /// Asks this supervisor how often a watch has failed in a row, for [`ErrorThreshold::Times`]: an observer learns of
    /// a failure once, however often it is retried. Without it, such a failure of a watch counts once.
    ///
    /// [`ErrorThreshold::Times`]: super::ErrorThreshold::Times
    #[must_use]
    pub fn counting(mut self, watches: Recipient<Status>) -> Self {
        self.watches = Some(watches);
        self
    }

    /// Counts the failures of watches, if that decides on an announcement.
    fn count_failures(&mut self, ctx: &mut Context<Self>) {
        let watches = self.watches.as_ref();
        let Some(watches) = watches.filter(|_| self.incidents.awaits_attempts()) else {
            return;
        };
        let asked = watches.send(Status::all()).into_actor(self);
        ctx.spawn(asked.map(|statuses, handler, ctx| {
            // A supervisor that is gone has no watch that fails.
            for status in statuses.unwrap_or_default() {
                if let WatchState::Retrying { attempt, .. } = status.state {
                    handler.incidents.attempted(&status.path, attempt);
                }
            }
            handler.announce(ctx);
        }));
    }

    fn report(&mut self, report: Option<HealthReport>, ctx: &mut Context<Self>) {
        if let Some(report) = report {
            self.incidents.report(report, Instant::now());
        }
        self.announce(ctx);
    }

    /// Runs the program for what is due, and waits for what will be.
    fn announce(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if self.shutdown.is_stopping() {
            return;
        }
        let now = Instant::now();
        self.retry_at = self.retry_at.filter(|at| *at > now);
        while self.running.is_none() && self.retry_at.is_none() {
            // An incident that has ended since the last try is not announced.
            let Some(announcement) = self.incidents.due(now) else {
                self.backoff = None;
                break;
            };
            self.run(&announcement, ctx);
        }
        let next = self.retry_at.or_else(|| self.incidents.next_at());
        if let Some(at) = next.filter(|_| self.running.is_none()) {
            self.timer = Some(
                ctx.run_later(at.saturating_duration_since(now), |handler, ctx| {
                    handler.timer = None;
                    handler.announce(ctx);
                }),
            );
        }
    }

    fn run(&mut self, announcement: &Announcement, ctx: &mut Context<Self>) {
        let pipes = Pipes {
            input: Some(ProgramInput::bytes(input(announcement))),
            output: OutputTo::Log,
        };
        match spawn(&self.settings.program, &variables(announcement), pipes) {
            Ok(child) => {
                self.incidents.announced(announcement);
                self.backoff = None;
                let (commands, receiver) = unbounded_channel();
                self.running = Some(commands);
                let limits = RunLimits {
                    timeout: Some(OnError::TIMEOUT),
                    stop_signal: Signal::TERM,
                    grace: self.settings.grace,
                    orphans: OrphanPolicy::Leave,
                };
                let life = supervise(child, limits, receiver).into_actor(self);
                ctx.spawn(life.map(|ended, handler, ctx| handler.ended(&ended, ctx)));
            }
            Err(error) => self.not_started(announcement, error, ctx),
        }
    }

    /// Tries again later, however often that takes.
    fn not_started(
        &mut self,
        announcement: &Announcement,
        error: ProgramError,
        ctx: &Context<Self>,
    ) {
        let policy = RetryPolicy::default().without_end();
        let pause = policy
            .pause(&mut self.backoff, 0)
            .filter(|_| ctx.connected());
        self.retry_at = pause.map(|pause| Instant::now() + pause);
        if pause.is_none() {
            // Nobody reports to this handler any more, so nobody wants this program.
            self.incidents.announced(announcement);
        }
        let exit = Exit::from(error);
        let program = self.settings.program.name();
        tracing::warn!(
            label = program,
            kind = "on_error",
            exit = exit.code(),
            reason = exit.to_string(),
            retry_in_ms = pause.map(milliseconds),
            program,
            "the program for errors was not started"
        );
    }

    fn ended(&mut self, ended: &ChildOutcome, ctx: &mut Context<Self>) {
        self.running = None;
        self.log(ended);
        self.announce(ctx);
        self.stop_when_idle(ctx);
    }

    fn log(&self, ended: &ChildOutcome) {
        let ChildOutcome { exit, output, .. } = ended;
        if !exit.is_success() {
            let program = self.settings.program.name();
            let output = (!output.is_empty()).then(|| output.to_string());
            tracing::warn!(
                label = program,
                kind = "on_error",
                exit = exit.code(),
                reason = exit.to_string(),
                program,
                output,
                "the program for errors failed"
            );
        }
    }
}

fn variables(announcement: &Announcement) -> BTreeMap<&'static str, String> {
    let state = state(announcement);
    let error = escaped(&announcement.error, MAX_VARIABLE).into_owned();
    let mut variables = BTreeMap::from([
        ("CONSUL_WATCH_STATE", state.to_owned()),
        ("CONSUL_WATCH_ERROR", error),
        ("CONSUL_WATCH_COUNT", announcement.paths.len().to_string()),
        (
            "CONSUL_WATCH_SECONDS",
            announcement.lasted.as_secs().to_string(),
        ),
    ]);
    if let Some(path) = announcement.paths.first() {
        variables.extend([
            ("CONSUL_WATCH_TYPE", path.kind().to_owned()),
            ("CONSUL_WATCH_NAME", named(path.name())),
            ("CONSUL_WATCH_PATH", named(&path.to_string())),
        ]);
    }
    variables
}

fn input(announcement: &Announcement) -> Vec<u8> {
    let watches: Vec<_> = announcement
        .paths
        .iter()
        .map(WatchPath::to_string)
        .collect();
    let line = serde_json::json!({
        "state": state(announcement),
        "error": announcement.error,
        "output": announcement.output,
        "seconds": announcement.lasted.as_secs(),
        "path": watches.first(),
        "watches": watches,
    });
    format!("{line}\n").into_bytes()
}

fn state(announcement: &Announcement) -> &'static str {
    if announcement.recovered {
        "recovered"
    } else {
        "failed"
    }
}

impl Actor for ErrorHandler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.settings.program.warn();
        if self.watches.is_some() {
            ctx.run_interval(COUNT_INTERVAL, Self::count_failures);
        }
    }
}

impl Lifecycle for ErrorHandler {
    fn shutdown(&mut self) -> &mut Shutdown {
        &mut self.shutdown
    }

    fn begin_shutdown(&mut self, grace: Duration, _: &mut Context<Self>) {
        self.shutdown.begin();
        if let Some(commands) = &self.running {
            // It may have ended already.
            let _ = commands.send(ChildCommand::Finish(grace));
        }
    }

    fn is_idle(&self) -> bool {
        self.running.is_none()
    }
}

impl Handler<HealthReport> for ErrorHandler {
    type Result = ();

    fn handle(&mut self, report: HealthReport, ctx: &mut Self::Context) {
        self.report(Some(report), ctx);
    }
}

impl Handler<RunEnded> for ErrorHandler {
    type Result = ();

    fn handle(&mut self, ended: RunEnded, ctx: &mut Self::Context) {
        self.report(HealthReport::of_run(None, &ended), ctx);
    }
}

impl Handler<WebhookDelivered> for ErrorHandler {
    type Result = ();

    fn handle(&mut self, ended: WebhookDelivered, ctx: &mut Self::Context) {
        self.report(Some(HealthReport::of_call(None, &ended)), ctx);
    }
}

impl Handler<WatchEvent> for ErrorHandler {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, ctx: &mut Self::Context) {
        self.report(HealthReport::of_watch(None, &event), ctx);
    }
}

impl Handler<StopHandler> for ErrorHandler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, stop: StopHandler, ctx: &mut Self::Context) -> Self::Result {
        self.stop(stop, ctx)
    }
}
