//! Logging to standard error.

use std::{
    env,
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
};

use consul_watch::daemon::LogSettings;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::{EnvFilter, Registry, fmt, prelude::*, reload};

use super::{
    arguments::{LogArguments, LogFormat},
    log_format::LogLine,
};

/// Starts logging at the level of `RUST_LOG`, or else at `level`.
pub(super) fn start(arguments: &LogArguments, level: &str) {
    drop(begin(
        arguments.log_format.unwrap_or(LogFormat::Text),
        level,
    ));
}

/// Returns a function that applies the section `log` of the configuration files. Its first call starts logging,
/// later calls change the level. `RUST_LOG` and the arguments take precedence.
pub(super) fn follow(arguments: &LogArguments) -> impl FnMut(&LogSettings) + use<> {
    let format = arguments.log_format;
    let mut handle = None;
    move |settings| {
        let level = settings.level().unwrap_or("info");
        match &handle {
            None => {
                let wanted = match settings.format() {
                    Some(consul_watch::daemon::LogFormat::Json) => LogFormat::Json,
                    _ => LogFormat::Text,
                };
                handle = Some(begin(format.unwrap_or(wanted), level));
            }
            // It fails only if the subscriber is gone, which lives as long as the process.
            Some(handle) => drop(handle.reload(filter(level))),
        }
    }
}

/// The thread that writes the lines, until [`finish`].
static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Writes the lines that are left, unless their reader has stopped reading.
pub(super) fn finish() {
    drop(WRITER.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Returns a writer that drops lines while nobody reads standard error: a reader that stops would otherwise stop
/// every watch.
fn stderr() -> NonBlocking {
    let (writer, guard) = tracing_appender::non_blocking(io::stderr());
    *WRITER.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
    writer
}

/// Whether lines are coloured (<https://no-color.org>).
fn is_coloured() -> bool {
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stderr().is_terminal() && !no_color && !dumb
}

fn begin(format: LogFormat, level: &str) -> reload::Handle<EnvFilter, Registry> {
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = fmt::layer()
        .with_writer(stderr())
        // It would be reported on standard error, which may be gone.
        .log_internal_errors(false)
        .with_ansi(is_coloured())
        .event_format(LogLine(format));
    // A logger that is already installed stays.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
    handle
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level))
}
