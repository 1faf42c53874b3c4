//! Logging, to standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use super::arguments::{LogArguments, LogFormat};

/// Logs what `RUST_LOG` says; warnings and errors without it.
pub(super) fn start(arguments: &LogArguments, default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    // A second start, of a test in this process, changes nothing.
    let _ = match arguments.log_format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
