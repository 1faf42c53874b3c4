//! Reports and statistics of the runs of a program.

use std::time::Duration;

use actix::Message;
use consul_watch_actors::WatchPath;

use super::process::{Exit, Output};

/// The end of a run.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct RunEnded {
    /// The program, without its arguments.
    pub program: String,
    /// Whether it is a program that is kept running, whose every exit is a failure unless the handler ended it.
    pub is_kept: bool,
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
    /// Runs among them that did not begin, since the program could not be started.
    pub not_started: u64,
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
        if ended.is_not_started() {
            self.not_started += 1;
        } else {
            self.failed += u64::from(!ended.exit.is_success());
        }
        self.last = Some(ended.clone());
    }
}

impl RunEnded {
    /// Returns whether the program could not be started, so that nothing was run.
    pub fn is_not_started(&self) -> bool {
        matches!(&self.exit, Exit::Failed(error) if error.is_not_started())
    }

    /// Logs the run: a success at the level debug, a failure as a warning.
    pub(super) fn log(&self) {
        let Self {
            program,
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
        } else if self.is_not_started() {
            tracing::warn!(path, program, %exit, ?retry_in, "handler program not started");
        } else {
            tracing::warn!(path, program, %exit, ?duration, ?retry_in, %output, "handler program failed");
        }
    }
}
