//! [`ErrorHook`]: the program that runs when a run or a watch fails.

use std::{collections::BTreeMap, sync::Arc};

use consul_watch_actors::{EventKind, WatchEvent, WatchPath};

use crate::handlers::{
    change::named,
    process::{CommandSender, Exit, Output, Program},
    run_stats::RunEnded,
};
use crate::text::escaped;

/// The greatest length of an error in a variable, in characters.
const MAX_ERROR: usize = 4096;

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
            ("CONSUL_WATCH_NAME", named(self.path.name())),
            ("CONSUL_WATCH_PATH", named(&self.path.to_string())),
            ("CONSUL_WATCH_ERROR", escaped(&self.error, MAX_ERROR).into()),
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
    /// The name in log lines.
    label: Option<Arc<str>>,
    waiting: Option<ErrorReport>,
    /// The sender of commands for the run in progress.
    pub(super) commands: Option<CommandSender>,
}

impl ErrorHook {
    pub(super) fn new(program: Program, label: Option<Arc<str>>) -> Self {
        Self {
            program,
            label,
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
            let label = self.label.as_deref().unwrap_or(&program);
            let output = (!output.is_empty()).then(|| output.to_string());
            tracing::warn!(
                label,
                kind = "on_error",
                exit = exit.code(),
                reason = exit.to_string(),
                program,
                output,
                "the program for errors failed"
            );
        }
    }
}
