//! Logging to standard error.

use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
};

use consul_watch::daemon::LogSettings;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::{EnvFilter, Registry, filter::LevelFilter, fmt, prelude::*, reload};

use super::{
    arguments::{LogArguments, LogFormat},
    log_format::LogLine,
};

/// The variable of the level.
const VARIABLE: &str = "RUST_LOG";

/// The beginning of the targets of our lines.
const OURS: &str = "consul_watch";

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
            Some(handle) => drop(handle.reload(filter(level).0)),
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
    let (filter, ignored) = filter(level);
    let (filter, handle) = reload::Layer::new(filter);
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
    if let Some(value) = ignored {
        let value = &*value;
        tracing::warn!(
            value,
            default = level,
            "{VARIABLE} sets no level for {OURS}, so the default counts: write one of error, warn, info, debug, trace \
             or off, or `{OURS}=debug`"
        );
    }
    handle
}

/// Returns the filter of `RUST_LOG`, and its value if it sets no level for our lines: theirs is then `level`.
fn filter(level: &str) -> (EnvFilter, Option<String>) {
    filter_of(env::var_os(VARIABLE).as_deref(), level)
}

fn filter_of(value: Option<&OsStr>, level: &str) -> (EnvFilter, Option<String>) {
    let text = value.map(OsStr::to_string_lossy).unwrap_or_default();
    let text = text.trim();
    // As an empty variable is by Consul's commands, it is taken for one that is not set.
    if text.is_empty() {
        return (EnvFilter::new(level), None);
    }
    let parsed = EnvFilter::builder().parse(text);
    match parsed {
        Ok(filter) if sets_our_level(text) => (filter, None),
        // Such as `hyper=debug`, which may stay.
        Ok(_) => (
            EnvFilter::new(format!("{level},{text}")),
            Some(text.to_owned()),
        ),
        Err(_) => (EnvFilter::new(level), Some(text.to_owned())),
    }
}

/// Whether a part of the value sets the level of all lines, or of ours.
fn sets_our_level(value: &str) -> bool {
    value.split(',').map(str::trim).any(|part| {
        let target = part.split(['=', '[']).next().unwrap_or_default();
        let is_level = !part.is_empty() && part.parse::<LevelFilter>().is_ok();
        is_level
            || part.starts_with('[')
            || !target.is_empty() && (OURS.starts_with(target) || target.starts_with(OURS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_without_a_level_for_our_lines_is_named_and_the_default_counts() {
        for (value, shown, ignored) in [
            (None, "warn", false),
            (Some(""), "warn", false),
            (Some(" "), "warn", false),
            (Some("debug"), "debug", false),
            (Some("off"), "off", false),
            (Some("h2=debug,INFO"), "h2=debug,info", false),
            (Some("consul_watch=debug"), "consul_watch=debug", false),
            (
                Some("consul_watch_actors=trace"),
                "consul_watch_actors=trace",
                false,
            ),
            (Some("verbose"), "verbose=trace,warn", true),
            (Some("h2=debug"), "h2=debug,warn", true),
            (Some("[[["), "warn", true),
            (Some("consul_watch=loud"), "warn", true),
        ] {
            let (filter, named) = filter_of(value.map(OsStr::new), "warn");
            assert_eq!(filter.to_string(), shown, "{value:?}");
            assert_eq!(named.as_deref(), value.filter(|_| ignored));
        }
    }
}
