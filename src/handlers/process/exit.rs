//! [`Exit`]: the way that a run of a program ended.

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus, sync::Arc, time::Duration};

use super::ProgramError;
use crate::{client::readable, handlers::Signal};

/// The way that a run ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Exit {
    /// The program exited with this code; 0 is success.
    Code(i32),
    /// A signal ended it that the handler did not send.
    Signal(i32),
    /// The handler ended it because it took longer than its timeout.
    TimedOut {
        /// The timeout.
        after: Duration,
    },
    /// The handler ended it, to stop or to restart it.
    Stopped,
    /// It was not run, or its exit status is unknown.
    Failed(Arc<ProgramError>),
}

impl Exit {
    /// Returns whether the program succeeded.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Code(0))
    }

    /// Returns the exit code as a shell reports it: 128 plus the number of the signal that ended it, and 127 if
    /// it could not be run.
    pub fn code(&self) -> i32 {
        match self {
            Self::Code(code) => *code,
            Self::Signal(signal) => 128 + signal,
            Self::TimedOut { .. } | Self::Stopped => 128 + Signal::TERM.as_raw(),
            Self::Failed(_) => 127,
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl From<ProgramError> for Exit {
    fn from(error: ProgramError) -> Self {
        Self::Failed(Arc::new(error))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with {code}"),
            Self::Signal(number) => match Signal::from_raw(*number) {
                Some(signal) => write!(f, "was ended by {signal}"),
                None => write!(f, "was ended by signal {number}"),
            },
            Self::TimedOut { after } => {
                write!(f, "did not end within {} and was ended", readable(*after))
            }
            Self::Stopped => f.write_str("was stopped by the handler"),
            Self::Failed(error) => {
                write!(f, "{error}")?;
                match std::error::Error::source(error) {
                    Some(source) => write!(f, " ({source})"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_signals_differ() {
        assert_eq!(
            Exit::from(ExitStatus::from_raw(3 << 8)).to_string(),
            "exited with 3"
        );
        let killed = Exit::from(ExitStatus::from_raw(9));
        assert_eq!(
            (killed.to_string().as_str(), killed.code()),
            ("was ended by SIGKILL", 137)
        );
        assert!(Exit::Code(0).is_success() && !killed.is_success());
    }
}
