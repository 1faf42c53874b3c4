//! `consul-watch -type=…`: one watch, printed or handed to a program.

use std::{ffi::OsString, future::Future, io, pin::Pin, time::Duration};

use actix::prelude::*;
use consul_watch::{
    Changed, EventKind, FailureClass, Quiescence, Stop, Subscriber, Watch, WatchEvent, WatchState,
    WatchSupervisor,
    checkpoint::CheckpointFile,
    client::ClientError,
    definition::{Definition, ForQuery},
    handlers::{
        ForwardSignal, Payload, Program, Retry, RunEnded, Script, ScriptHandler, Signal,
        StopHandler,
    },
};
use serde_json::{Map, Value, json};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{
    arguments::{OutputFormat, WatchArguments},
    error::CliError,
    printer::Printer,
};

/// How long the program may go on after a signal was passed on to it.
const GRACE: Duration = Duration::from_secs(5);

/// Watches until there is nothing more to do.
pub(super) async fn run(arguments: WatchArguments) -> Result<(), CliError> {
    let definition = definition(&arguments)?;
    let config = arguments.connect.config()?;
    let signals =
        |kind| signal(kind).map_err(|error| CliError::Io("signals cannot be taken", error));
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
    definition.with_query(subscribe).await?;

    // A value that is printed whole is printed once, as Consul's command does.
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
                // The program may be why: what it has to say is on its way.
                Some(EventKind::Ended) => break last_word(&mut done).await,
                _ => {}
            },
            _ = interrupt.recv() => { sink.pass_on(Signal::INT).await; break Ok(()) }
            _ = terminate.recv() => { sink.pass_on(Signal::TERM).await; break Ok(()) }
            () = &mut out_of_time => break Err(CliError::OutOfTime(limit.unwrap_or(Duration::ZERO))),
        }
    };
    watches.send(Stop::all()).await?;
    sink.end().await;
    result
}

/// The first failure that has been told, if there is one.
async fn last_word(done: &mut UnboundedReceiver<Result<(), CliError>>) -> Result<(), CliError> {
    while let Ok(Some(result)) = tokio::time::timeout(GRACE, done.recv()).await {
        result?;
    }
    Ok(())
}

/// Who gets the changes.
#[derive(Clone)]
enum Sink {
    Print(Addr<Printer>),
    Run(Addr<ScriptHandler>),
}

impl Sink {
    async fn pass_on(&self, signal: Signal) {
        if let Self::Run(handler) = self {
            // A handler that has ended runs nothing.
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
    let runs = RunReporter { done }.start();
    let mut script = Script::command(program)
        .timeout(arguments.timeout)
        .events(runs.recipient());
    if arguments.retry {
        script = script.retry(Retry::default()).end_on_failure(false);
    }
    Ok(Sink::Run(ScriptHandler::new(script)?.start()))
}

/// Hands on how the runs of the program end.
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
        } else if ended.again_in.is_some() {
            return;
        } else {
            Err(CliError::Program(ended.exit.to_string()))
        };
        // Nobody listens any more when the command is about to end.
        let _ = self.done.send(result);
    }
}

/// What the arguments define, with the errors of a stanza.
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
    Ok(Definition::from_json(&Value::Object(fields))?)
}

/// Whether the watch is to be given up: its query can never be answered, or, at the start, there is no
/// Consul, or it does not let us in.
fn fatal(state: &WatchState, patient: bool) -> Option<CliError> {
    let error = state.error()?;
    let absent = matches!(
        error.cause().downcast_ref(),
        Some(ClientError::Connect { .. })
    );
    let hopeless = matches!(state, WatchState::Stopped { .. });
    let denied = error.class() == FailureClass::Denied;
    (hopeless || !patient && (absent || denied)).then(|| CliError::Failed(error.clone()))
}

/// Subscribes to the query, in the way the arguments say.
struct SubscribeToQuery<'a> {
    arguments: &'a WatchArguments,
    watches: &'a Addr<WatchSupervisor>,
    sink: Sink,
    observer: Addr<EventForwarder>,
}

impl ForQuery for SubscribeToQuery<'_> {
    type Output = Pin<Box<dyn Future<Output = Result<(), CliError>>>>;

    fn with<Q: Payload>(self, query: Q) -> Self::Output {
        let subscriber: Subscriber<Changed<Q>> = match self.sink {
            Sink::Print(printer) => printer.into(),
            Sink::Run(handler) => handler.into(),
        };
        let watch = match &self.arguments.checkpoint {
            None => Ok(Watch::new(query, subscriber)),
            Some(file) => CheckpointFile::new(file).watch(query, subscriber),
        };
        let mut watch = match watch {
            Ok(watch) => watch.observer(self.observer),
            Err(error) => return Box::pin(std::future::ready(Err(error.into()))),
        };
        if self.arguments.changes_only {
            watch = watch.changes_only();
        }
        if let Some(period) = self.arguments.quiet_period {
            let quiet = Quiescence::new(period);
            watch = watch.quiescence(
                self.arguments
                    .max_wait
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

/// Hands on what happens to the watch.
struct EventForwarder(UnboundedSender<WatchEvent>);

impl Actor for EventForwarder {
    type Context = Context<Self>;
}

impl Handler<WatchEvent> for EventForwarder {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, _: &mut Self::Context) {
        // Nobody listens any more when the command is about to end.
        let _ = self.0.send(event);
    }
}
