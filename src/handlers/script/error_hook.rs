//! [`ErrorHook`]: the program that runs when a run or a watch fails.

use std::collections::BTreeMap;

use consul_watch_actors::{EventKind, WatchEvent, WatchPath};

use crate::handlers::{
    process::{CommandSender, Exit, Output, Program},
    run_stats::RunEnded,
};

/// A failure, as the program receives it.
#[derive(Debug)]
pub(super) struct ErrorReport {
    path: WatchPath,
    error: String,
    output: String,
}

impl ErrorReport {
    /// Reports a failed run.
    pub(super) fn of_run(run: &RunEnded) -> Option<Self> {
        let (path, error, output) = (
            run.path.clone()?,
            run.exit.to_string(),
            run.output.to_string(),
        );
        Some(Self {
            path,
            error,
            output,
        })
    }

    /// Reports a watch in trouble, if the event is about one.
    pub(super) fn of_watch(event: &WatchEvent) -> Option<Self> {
        let error = match &event.kind {
            EventKind::State(state) => state.error()?.to_string(),
            EventKind::Rejected(error) => error.to_string(),
            _ => return None,
        };
        Some(Self {
            path: event.path.clone(),
            error,
            output: String::new(),
        })
    }

    pub(super) fn variables(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("CONSUL_WATCH_TYPE", self.path.kind().to_owned()),
            ("CONSUL_WATCH_NAME", self.path.name().to_owned()),
            ("CONSUL_WATCH_PATH", self.path.to_string()),
            ("CONSUL_WATCH_ERROR", self.error.clone()),
        ])
    }

    pub(super) fn input(&self) -> Vec<u8> {
        let Self {
            path,
            error,
            output,
        } = self;
        let path = path.to_string();
        format!(
            "{}\n",
            serde_json::json!({ "path": path, "error": error, "output": output })
        )
        .into_bytes()
    }
}

/// The program, one run of it at a time, and the newest report that waits.
#[derive(Debug)]
pub(super) struct ErrorHook {
    program: Program,
    waiting: Option<ErrorReport>,
    /// The sender of commands for the run in progress.
    pub(super) commands: Option<CommandSender>,
}

impl ErrorHook {
    pub(super) fn new(program: Program) -> Self {
        Self {
            program,
            waiting: None,
            commands: None,
        }
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Takes a report, and returns the one to run the program for now.
    pub(super) fn take(&mut self, report: Option<ErrorReport>) -> Option<ErrorReport> {
        self.waiting = report.or(self.waiting.take());
        if self.commands.is_some() {
            None
        } else {
            self.waiting.take()
        }
    }

    /// Records the end of a run.
    pub(super) fn ended(&mut self, exit: &Exit, output: &Output) {
        self.commands = None;
        if !exit.is_success() {
            let program = self.program.name();
            tracing::warn!(program, %exit, %output, "the program for errors failed");
        }
    }
}
