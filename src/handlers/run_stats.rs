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
    /// The update that it was run for.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "the daemon reads it")
    )]
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
        // The statistics must not keep a whole state in memory.
        self.last = Some(RunEnded {
            change: None,
            ..ended.clone()
        });
    }
}

impl RunEnded {
    /// Returns whether the program could not be started, so that nothing was run.
    pub fn is_not_started(&self) -> bool {
        matches!(&self.exit, Exit::Failed(error) if error.is_not_started())
    }

    /// Logs the run in one line: an info, or a warning if it failed. The output of a success is a line for debugging.
    pub(super) fn log(&self, kind: &str, label: Option<&str>) {
        let path = self.path.as_ref().map(ToString::to_string);
        let path = path.as_deref();
        let program = self.program.as_str();
        let label = label.or(path).unwrap_or(program);
        let (exit, duration_ms) = (self.exit.code(), milliseconds(self.duration));
        let (attempt, index) = (self.attempt, self.index);
        let retry_in_ms = self.retry_in.map(milliseconds);
        let output = (!self.output.is_empty()).then(|| self.output.to_string());
        let output = output.as_deref();
        if self.exit.is_success() || matches!(self.exit, Exit::Stopped) {
            tracing::info!(
                label,
                kind,
                exit,
                duration_ms,
                attempt,
                index,
                path,
                program,
                "handler run ended"
            );
            // It may hold values of Consul, which belong in no log by default.
            if output.is_some() {
                tracing::debug!(label, kind, index, output, "output of the handler run");
            }
        } else {
            let what = if self.is_not_started() {
                "handler program not started"
            } else {
                "handler run failed"
            };
            let reason = self.exit.to_string();
            let reason = reason.as_str();
            tracing::warn!(
                label,
                kind,
                exit,
                reason,
                duration_ms,
                attempt,
                retry_in_ms,
                index,
                path,
                program,
                output,
                "{what}"
            );
        }
    }
}

/// A duration as log lines have it, in milliseconds.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
