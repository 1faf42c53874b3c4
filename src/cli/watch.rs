//! `consul-watch -type=…`: a single watch that prints, or runs a program.

use std::{ffi::OsString, future::Future, io, path::Path, pin::Pin, time::Duration};

use actix::prelude::*;
use consul_watch::{
    Changed, EventKind, FailureClass, Quiescence, Stop, Subscriber, Watch, WatchEvent, WatchState,
    WatchSupervisor,
    checkpoint::CheckpointFile,
    client::{ClientError, ConsulClient},
    definition::{Definition, QueryVisitor},
    handlers::{
        Environment, ForwardSignal, HandlerPayload, PayloadKind, Program, RetryPolicy, RunEnded,
        Script, ScriptHandler, Signal, StopHandler,
    },
};
use serde_json::{Map, Value, json};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{
    arguments::{OutputFormat, PayloadFormat, WatchArguments},
    error::CliError,
    option_errors::OptionErrors,
    printer::Printer,
};

/// The time that the program has to finish after it received a signal.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the watch until it is finished, fails or is stopped by a signal.
pub(super) async fn run(arguments: WatchArguments) -> Result<(), CliError> {
    let definition = definition(&arguments)?;
    let given = |name| match name {
        "key" => arguments.key.as_deref(),
        _ => arguments.prefix.as_deref(),
    };
    if let Some((_, warning)) = definition.respelled(given) {
        tracing::warn!("{warning}");
    }
    require_checkpoint_directory(&arguments)?;
    let config = arguments.connect.config()?;
    // A file that cannot be used is a mistake in the arguments, and no failure of the watch.
    ConsulClient::new(&config)?;
    let signals =
        |kind| signal(kind).map_err(|error| CliError::Io("cannot listen for signals", error));
    let (mut interrupt, mut terminate) = (
        signals(SignalKind::interrupt())?,
        signals(SignalKind::terminate())?,
    );

    let watches = WatchSupervisor::new(config).arbiters(0).start();
    let (tell_done, mut done) = unbounded_channel();
    let (tell_events, mut events) = unbounded_channel();
    let sink = sink(&arguments, tell_done)?;
    let observer = EventForwarder(tell_events).start();
    let subscribe = SubscribeToQuery {
        arguments: &arguments,
        watches: &watches,
        sink: sink.clone(),
        observer,
    };
    definition.visit(subscribe).await?;

    // A whole value is printed once, as Consul's command does.
    let prints_value = matches!(sink, Sink::Print(_)) && arguments.format == OutputFormat::Json;
    let once = arguments.once.is_some() || prints_value;
    let limit = arguments.once.filter(|limit| !limit.is_zero());
    let out_of_time = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(out_of_time);
    let mut live = false;
    let result = loop {
        tokio::select! {
            handled = done.recv() => match handled {
                Some(Ok(())) if !once => {}
                Some(Err(CliError::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => break Ok(()),
                Some(result) => break result,
                None => break Ok(()),
            },
            event = events.recv() => match event.map(|event| event.kind) {
                Some(EventKind::State(state)) => {
                    live |= state.is_live();
                    if let Some(error) = fatal(&state, live || arguments.retry) { break Err(error) }
                }
                // The program may be the reason: its failure is on its way.
                Some(EventKind::Ended) => break first_failure(&mut done).await,
                _ => {}
            },
            _ = interrupt.recv() => { sink.forward_signal(Signal::INT).await; break Ok(()) }
            _ = terminate.recv() => { sink.forward_signal(Signal::TERM).await; break Ok(()) }
            () = &mut out_of_time => break Err(CliError::OutOfTime(limit.unwrap_or(Duration::ZERO))),
        }
    };
    watches.send(Stop::all()).await?;
    sink.end().await;
    result
}

/// Returns the first failure that arrives within [`GRACE`], if there is one.
async fn first_failure(done: &mut UnboundedReceiver<Result<(), CliError>>) -> Result<(), CliError> {
    while let Ok(Some(result)) = tokio::time::timeout(GRACE, done.recv()).await {
        result?;
    }
    Ok(())
}

/// The receiver of updates.
#[derive(Clone)]
enum Sink {
    Print(Addr<Printer>),
    Run(Addr<ScriptHandler>),
}

impl Sink {
    async fn forward_signal(&self, signal: Signal) {
        if let Self::Run(handler) = self {
            // A handler that has ended runs no program.
            let _ = handler.send(ForwardSignal(signal)).await;
        }
    }

    async fn end(&self) {
        if let Self::Run(handler) = self {
            let _ = handler.send(StopHandler::within(GRACE)).await;
        }
    }
}

fn sink(
    arguments: &WatchArguments,
    done: UnboundedSender<Result<(), CliError>>,
) -> Result<Sink, CliError> {
    let [program, rest @ ..] = &arguments.program[..] else {
        return Ok(Sink::Print(
            Printer {
                format: arguments.format,
                done,
            }
            .start(),
        ));
    };
    let program = if arguments.shell {
        Program::shell(arguments.program.join(&OsString::from(" ")))
    } else {
        Program::new(program).args(rest)
    };
    let program = if arguments.inherit_token {
        program
    } else {
        program.with_environment(Environment::without_consul)
    };
    let runs = RunReporter { done }.start();
    let payload = match arguments.payload {
        PayloadFormat::State => PayloadKind::State,
        PayloadFormat::Changes => PayloadKind::Changes,
    };
    let mut script = Script::command(program)
        .payload(payload)
        .timeout(arguments.timeout.filter(|limit| !limit.is_zero()))
        .events(runs.recipient());
    if arguments.retry {
        script = script.retry(RetryPolicy::default()).end_on_failure(false);
    }
    Ok(Sink::Run(ScriptHandler::new(script)?.start()))
}

/// Forwards the results of the program's runs.
struct RunReporter {
    done: UnboundedSender<Result<(), CliError>>,
}

impl Actor for RunReporter {
    type Context = Context<Self>;
}

impl Handler<RunEnded> for RunReporter {
    type Result = ();

    fn handle(&mut self, ended: RunEnded, _: &mut Self::Context) {
        let result = if ended.exit.is_success() {
            Ok(())
        } else if ended.retry_in.is_some() {
            return;
        } else {
            Err(CliError::Program(ended.exit.to_string()))
        };
        // The receiver is gone when the command is about to exit.
        let _ = self.done.send(result);
    }
}

/// Returns the definition of the watch that the arguments ask for.
fn definition(arguments: &WatchArguments) -> Result<Definition, CliError> {
    let mut fields = Map::new();
    let texts = [
        ("type", &arguments.kind),
        ("key", &arguments.key),
        ("prefix", &arguments.prefix),
        ("service", &arguments.service),
        ("service_id", &arguments.service_id),
        ("state", &arguments.state),
        ("name", &arguments.name),
        ("filter", &arguments.filter),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    if !arguments.tag.is_empty() {
        fields.insert("tag".to_owned(), json!(arguments.tag));
    }
    if let Some(passing_only) = arguments.passingonly {
        fields.insert("passingonly".to_owned(), json!(passing_only));
    }
    let takes_stale = ["key", "keyprefix", "services", "nodes", "service", "checks"];
    if arguments.connect.stale()
        && !takes_stale.contains(&arguments.kind.as_deref().unwrap_or("key"))
    {
        fields.insert("stale".to_owned(), json!(true));
    }
    Definition::from_json(&Value::Object(fields))
        .map_err(|errors| CliError::Options(OptionErrors::new(arguments.kind.as_deref(), &errors)))
}

/// Refuses a checkpoint that could not be written later.
fn require_checkpoint_directory(arguments: &WatchArguments) -> Result<(), CliError> {
    let directory = arguments.checkpoint.as_deref().and_then(Path::parent);
    match directory {
        Some(path) if !path.as_os_str().is_empty() && !path.is_dir() => {
            Err(CliError::NoCheckpointDirectory(path.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Returns the error if the watch must be given up: the query can never succeed, or the first attempt found no
/// Consul, or another server, was denied, was wrong in Consul's eyes or had too large an answer. `patient` allows for
/// all but the first.
fn fatal(state: &WatchState, patient: bool) -> Option<CliError> {
    let error = state.error()?;
    let absent = matches!(
        error.cause().downcast_ref(),
        Some(ClientError::Connect { .. })
    );
    // Consul's command asks the datacenter for its leader first.
    let nowhere = matches!(
        error.cause().downcast_ref(),
        Some(ClientError::Status { text, .. }) if text.contains("No path to datacenter")
    );
    let elsewhere = error
        .cause()
        .downcast_ref()
        .is_some_and(ClientError::is_not_of_consul);
    let stopped = matches!(state, WatchState::Stopped { .. });
    let refused = matches!(
        error.class(),
        FailureClass::Denied | FailureClass::BadRequest | FailureClass::TooLarge
    );
    (stopped || !patient && (absent || elsewhere || nowhere || refused))
        .then(|| CliError::Failed(error.clone()))
}

/// Subscribes to a query with the options of the arguments.
struct SubscribeToQuery<'a> {
    arguments: &'a WatchArguments,
    watches: &'a Addr<WatchSupervisor>,
    sink: Sink,
    observer: Addr<EventForwarder>,
}

impl QueryVisitor for SubscribeToQuery<'_> {
    type Output = Pin<Box<dyn Future<Output = Result<(), CliError>>>>;

    fn visit_query<Q: HandlerPayload>(self, query: Q) -> Self::Output {
        let subscriber: Subscriber<Changed<Q>> = match self.sink {
            Sink::Print(printer) => printer.into(),
            Sink::Run(handler) => handler.into(),
        };
        let changes_only = self.arguments.changes_only;
        let watch = match &self.arguments.checkpoint {
            None if changes_only => Ok(Watch::new(query, subscriber).changes_only()),
            None => Ok(Watch::new(query, subscriber)),
            Some(file) if changes_only => {
                CheckpointFile::new(file).watch_changes(query, subscriber)
            }
            Some(file) => CheckpointFile::new(file).watch(query, subscriber),
        };
        let mut watch = match watch {
            Ok(watch) => watch.observer(self.observer),
            Err(error) => return Box::pin(std::future::ready(Err(error.into()))),
        };
        // As in files, zero is none.
        let given = |limit: Option<Duration>| limit.filter(|limit| !limit.is_zero());
        if let Some(period) = given(self.arguments.quiet_period) {
            let quiet = Quiescence::new(period);
            watch = watch.quiescence(
                given(self.arguments.max_wait)
                    .map_or(quiet, |longest| quiet.with_max_wait(longest)),
            );
        }
        let request = self.watches.send(watch);
        Box::pin(async move {
            request.await??;
            Ok(())
        })
    }
}

/// Forwards the events of the watch.
struct EventForwarder(UnboundedSender<WatchEvent>);

impl Actor for EventForwarder {
    type Context = Context<Self>;
}

impl Handler<WatchEvent> for EventForwarder {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, _: &mut Self::Context) {
        // The receiver is gone when the command is about to exit.
        let _ = self.0.send(event);
    }
}
