//! The program that is told of errors.

use std::collections::BTreeMap;

use consul_watch_actors::{EventKind, WatchEvent, WatchPath};

use crate::handlers::{
    process::{Exit, Orders, Output, Program},
    runs::RunEnded,
};

/// Something that went wrong.
#[derive(Debug)]
pub(super) struct Trouble {
    path: WatchPath,
    error: String,
    output: String,
}

impl Trouble {
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
pub(super) struct Alarm {
    program: Program,
    waiting: Option<Trouble>,
    /// The way to the run in progress.
    pub(super) orders: Option<Orders>,
}

impl Alarm {
    pub(super) fn new(program: Program) -> Self {
        Self {
            program,
            waiting: None,
            orders: None,
        }
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Takes a trouble in, and hands out the one to tell now.
    pub(super) fn take(&mut self, trouble: Option<Trouble>) -> Option<Trouble> {
        self.waiting = trouble.or(self.waiting.take());
        if self.orders.is_some() {
            None
        } else {
            self.waiting.take()
        }
    }

    /// A run of its program has ended.
    pub(super) fn ended(&mut self, exit: &Exit, output: &Output) {
        self.orders = None;
        if !exit.is_success() {
            let program = self.program.name();
            tracing::warn!(program, %exit, %output, "the program that is told of errors has failed");
        }
    }
}
