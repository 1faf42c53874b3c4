//! What a handler tells about its runs.

use std::time::Duration;

use actix::Message;
use consul_watch_actors::WatchPath;

use super::process::{Exit, Output};

/// A run has come to its end.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct RunEnded {
    /// The watch whose state it was run for; `None` for a child that was started before there was one.
    pub path: Option<WatchPath>,
    /// The index of that state.
    pub index: u64,
    /// How it ended.
    pub exit: Exit,
    /// How long it took.
    pub duration: Duration,
    /// What it printed, if that is kept.
    pub output: Output,
    /// Which try of this state it was, beginning with 1; of a long-running child, which start.
    pub attempt: u32,
    /// How long until it is run again by itself; `None` when it is not.
    pub retry_in: Option<Duration>,
}

/// Asks a handler for its [`RunStats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "RunStats")]
pub struct GetRunStats;

/// What a handler has done so far.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RunStats {
    /// How many runs have ended.
    pub ended: u64,
    /// How many of them have failed.
    pub failed: u64,
    /// How many are running now.
    pub running: usize,
    /// How many states wait for their turn, a failed one that is tried again among them.
    pub waiting: usize,
    /// The last that ended.
    pub last: Option<RunEnded>,
}

impl RunStats {
    pub(super) fn count(&mut self, ended: &RunEnded) {
        self.ended += 1;
        self.failed += u64::from(!ended.exit.is_success());
        self.last = Some(ended.clone());
    }
}

impl RunEnded {
    /// Tells the log: quietly of a success, with what it printed of a failure.
    pub(super) fn log(&self, program: &str) {
        let Self {
            path,
            exit,
            duration,
            output,
            retry_in,
            ..
        } = self;
        let path = path.as_ref().map(tracing::field::display);
        if exit.is_success() || matches!(exit, Exit::Stopped) {
            tracing::debug!(path, program, %exit, ?duration, %output, "handler has run");
        } else {
            tracing::warn!(path, program, %exit, ?duration, ?retry_in, %output, "handler has failed");
        }
    }
}
