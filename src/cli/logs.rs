//! Logging, to standard error.

use std::io::{self, IsTerminal};

use consul_watch::daemon::LogSettings;
use tracing_subscriber::{EnvFilter, Registry, fmt, prelude::*, reload};

use super::arguments::{LogArguments, LogFormat};

/// Logs what `RUST_LOG` says; without it, `level` and above.
pub(super) fn start(arguments: &LogArguments, level: &str) {
    drop(begin(
        arguments.log_format.unwrap_or(LogFormat::Text),
        level,
    ));
}

/// What a service does with its files' section `log`: the first time it begins to log so, and then it
/// changes the level. `RUST_LOG` and the arguments win.
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
            // The other end of the handle lives as long as the process.
            Some(handle) => drop(handle.reload(filter(level))),
        }
    }
}

fn begin(format: LogFormat, level: &str) -> reload::Handle<EnvFilter, Registry> {
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Whoever logs already in this process goes on.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
    handle
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level))
}
