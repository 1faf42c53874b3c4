//! Why the command ends.

use std::{io, process::ExitCode, time::Duration};

use consul_watch::{
    Failure, WatchError,
    checkpoint::CheckpointError,
    client::ConfigError,
    daemon::{ConfigErrors, DaemonError},
    definition::DefinitionErrors,
    handlers::ProgramError,
    kv::KvError,
};

/// Why the command ends with an exit status other than 0.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("{0}")]
    Definition(#[from] DefinitionErrors),
    #[error("{0}")]
    Configuration(#[from] ConfigError),
    #[error("the configuration files cannot be used:\n{0}")]
    Files(#[from] ConfigErrors),
    #[error("{0}")]
    Daemon(#[from] DaemonError),
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("{0}")]
    Kv(#[from] KvError),
    #[error("{0}")]
    Watch(#[from] WatchError),
    #[error("Consul cannot be asked: {0}")]
    Failed(Failure),
    #[error("nothing came within {0:?}")]
    OutOfTime(Duration),
    #[error("the program failed: {0}")]
    Program(String),
    #[error("{0}")]
    CannotRun(#[from] ProgramError),
    #[error("`{0}` was not set: its ModifyIndex is not {1} any more; get it and try again")]
    NotSet(String, u64),
    #[error("standard output cannot be written: {0}")]
    Output(#[source] io::Error),
    #[error("{0}: {1}")]
    Io(&'static str, #[source] io::Error),
    #[error("the watches ended unexpectedly: {0}")]
    Actor(#[from] actix::MailboxError),
}

impl CliError {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Definition(_) | Self::Files(_) | Self::Daemon(DaemonError::Config(_)) => {
                ExitCode::from(2)
            }
            Self::OutOfTime(_) => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }
}
