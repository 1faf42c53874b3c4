//! Error of the command.

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use consul_watch::{
    Failure, WatchError,
    checkpoint::CheckpointError,
    client::ConfigError,
    daemon::{ConfigErrors, DaemonError},
    handlers::ProgramError,
};

use super::{
    client_errors::of_watch, commands::CommandError, empty_options::WiderWatch,
    kv::error::KvFailure, option_errors::OptionErrors, room::RoomError,
};

/// The reason for an exit status other than 0.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("{0}")]
    Options(OptionErrors),
    #[error("{0}")]
    Command(#[from] CommandError),
    #[error("the directory {} of `--checkpoint` does not exist: create it, or name another", .0.display())]
    NoCheckpointDirectory(PathBuf),
    #[error("{0}")]
    Configuration(#[from] ConfigError),
    #[error("invalid configuration files:\n{0}")]
    Files(#[from] ConfigErrors),
    #[error("{0}")]
    Daemon(DaemonError),
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("{0}")]
    Kv(#[from] KvFailure),
    #[error("{0}")]
    WiderWatch(#[from] WiderWatch),
    #[error("{0}")]
    Watch(#[from] WatchError),
    #[error("watch failed: {}", of_watch(.0))]
    Failed(Failure),
    #[error("no value within {0:?}: give `--once` more time, or check what you watch")]
    OutOfTime(Duration),
    #[error("program failed: {0}")]
    Program(String),
    #[error(
        "the program is an empty text, perhaps of a variable that is not set: name a program, or leave it out to print \
         the value"
    )]
    EmptyProgram,
    #[error("{0}")]
    CannotRun(ProgramError),
    #[error("{0}")]
    Room(#[from] RoomError),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
    #[error("{0}: {1}")]
    Io(&'static str, #[source] io::Error),
    #[error("the watch ended unexpectedly: {0}")]
    Actor(#[from] actix::MailboxError),
}

impl From<DaemonError> for CliError {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::Config(errors) => Self::Files(errors),
            DaemonError::Consul(error) => Self::Configuration(error),
            other => Self::Daemon(other),
        }
    }
}

impl From<ProgramError> for CliError {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Empty => Self::EmptyProgram,
            other => Self::CannotRun(other),
        }
    }
}

impl CliError {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Options(_)
            | Self::Command(_)
            | Self::WiderWatch(_)
            | Self::EmptyProgram
            | Self::CannotRun(_)
            | Self::NoCheckpointDirectory(_)
            | Self::Configuration(_)
            | Self::Files(_) => ExitCode::from(2),
            Self::OutOfTime(_) => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }
}
