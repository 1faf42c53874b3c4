//! [`OnError`]: the settings of the program for errors.

use std::time::Duration;

use crate::handlers::{
    longest::LONGEST,
    process::{Environment, Program, ProgramError},
};

/// The time or the number of failures of a watch or a handler before the program for errors runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorThreshold {
    /// For this time.
    Lasting(Duration),
    /// This many times in a row (at least 1).
    Times(u32),
}

impl Default for ErrorThreshold {
    fn default() -> Self {
        Self::Lasting(Duration::from_secs(30))
    }
}

/// A program to run when watches or handlers fail, and when they have recovered.
///
/// It runs once for all watches that fail by one cause, and once more when all of them have recovered. Its
/// environment has, in addition to what it inherits:
///
/// | variable | value |
/// |---|---|
/// | `CONSUL_WATCH_STATE` | `failed` or `recovered` |
/// | `CONSUL_WATCH_ERROR` | the error in one line, at most 4,096 characters of it |
/// | `CONSUL_WATCH_COUNT` | the number of watches that have failed by this cause |
/// | `CONSUL_WATCH_SECONDS` | the seconds since the first failure |
/// | `CONSUL_WATCH_PATH`, `_TYPE`, `_NAME` | the first of these watches |
///
/// Its stdin has one line of JSON: `{"state", "error", "output", "seconds", "path", "watches"}`, where `output` is
/// the end of the output of the run that failed, and `watches` the list of the paths. It may take 30 s, and its own
/// failure is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnError {
    pub(super) program: Program,
    pub(super) threshold: ErrorThreshold,
    pub(super) grace: Duration,
}

impl OnError {
    /// The time that a run may take.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// Runs this program for failures that last 30 s, and for runs that are given up.
    pub fn new(program: Program) -> Self {
        Self {
            program: program.with_environment(|all| all.deny(Environment::SERVICE_MANAGER)),
            threshold: ErrorThreshold::default(),
            grace: Duration::from_secs(5),
        }
    }

    /// Sets how long or how often a watch or a handler must fail. What is given up, and not retried, is reported
    /// without this wait.
    #[must_use]
    pub fn after(mut self, threshold: ErrorThreshold) -> Self {
        self.threshold = match threshold {
            ErrorThreshold::Lasting(time) => ErrorThreshold::Lasting(time.min(LONGEST)),
            ErrorThreshold::Times(times) => ErrorThreshold::Times(times.max(1)),
        };
        self
    }

    /// Keeps variables from the program.
    #[cfg(feature = "cli")]
    pub(crate) fn withhold(&mut self, names: &[String]) {
        let program = self.program.clone();
        self.program = program.with_environment(|environment| environment.deny(names));
    }

    /// Returns the program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Checks the settings without running anything.
    ///
    /// # Errors
    ///
    /// As [`Program::validate`].
    pub fn validate(&self) -> Result<(), ProgramError> {
        self.program.validate()
    }
}
