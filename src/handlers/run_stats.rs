//! Reports and statistics of the runs of a program.

use std::time::Duration;

use actix::Message;
use consul_watch_actors::WatchPath;

use super::{
    handled_change::HandledChange,
    process::{Exit, Output},
};

/// The end of a run.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct RunEnded {
    /// The watch whose state it was run for. `None` for a program that was started before there was one.
    pub path: Option<WatchPath>,
    /// The index of that state.
    pub index: u64,
    /// The way it ended.
    pub exit: Exit,
    /// The time it took.
    pub duration: Duration,
    /// The end of its output, if that is kept.
    pub output: Output,
    /// The number of the attempt at this state, beginning with 1; of a program that keeps running, of the start.
    pub attempt: u32,
    /// The time until it is retried; `None` if it is not.
    pub retry_in: Option<Duration>,
    /// The update that it was run for.
    pub(crate) change: Option<HandledChange>,
}

/// Asks a handler for its [`RunStats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "RunStats")]
pub struct GetRunStats;

/// The numbers of a handler's runs.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RunStats {
    /// Runs that have ended.
    pub ended: u64,
    /// Runs among them that failed.
    pub failed: u64,
    /// Programs that are running now.
    pub running: usize,
    /// States that wait for their turn or for a retry.
    pub waiting: usize,
    /// The run that ended last.
    pub last: Option<RunEnded>,
}

impl RunStats {
    pub(super) fn count(&mut self, ended: &RunEnded) {
        self.ended += 1;
        self.failed += u64::from(!ended.exit.is_success());
        // The statistics must not keep a whole state in memory.
        self.last = Some(RunEnded {
            change: None,
            ..ended.clone()
        });
    }
}

impl RunEnded {
    /// Logs the run: a success at the level debug, a failure as a warning.
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
            tracing::debug!(path, program, %exit, ?duration, %output, "handler program succeeded");
        } else {
            tracing::warn!(path, program, %exit, ?duration, ?retry_in, %output, "handler program failed");
        }
    }
}
