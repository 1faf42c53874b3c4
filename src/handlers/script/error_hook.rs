//! The program that is told of errors.

use std::collections::BTreeMap;

use consul_watch_actors::{EventKind, WatchEvent, WatchPath};

use crate::handlers::{
    process::{CommandSender, Exit, Output, Program},
    run_stats::RunEnded,
};

/// Something that went wrong.
#[derive(Debug)]
pub(super) struct ErrorReport {
    path: WatchPath,
    error: String,
    output: String,
}

impl ErrorReport {
    /// A run that has failed.
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

    /// A watch that cannot see, if the event tells of one.
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

/// One run at a time, and the newest trouble waiting.
#[derive(Debug)]
pub(super) struct ErrorHook {
    program: Program,
    waiting: Option<ErrorReport>,
    /// The way to the run in progress.
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

    /// Takes a trouble in, and hands out the one to tell now.
    pub(super) fn take(&mut self, report: Option<ErrorReport>) -> Option<ErrorReport> {
        self.waiting = report.or(self.waiting.take());
        if self.commands.is_some() {
            None
        } else {
            self.waiting.take()
        }
    }

    /// A run of its program has ended.
    pub(super) fn ended(&mut self, exit: &Exit, output: &Output) {
        self.commands = None;
        if !exit.is_success() {
            let program = self.program.name();
            tracing::warn!(program, %exit, %output, "the program that is told of errors has failed");
        }
    }
}
