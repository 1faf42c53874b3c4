//! Error of the daemon.

use actix::MailboxError;
use consul_watch_actors::{ResetError, WatchError};

use crate::{
    checkpoint::CheckpointError,
    client::ConfigError,
    daemon::{config_issue::ConfigErrors, runtime::running_handler::HandlerError},
};

/// The reason why a daemon cannot start or reload.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The configuration files have issues.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// The configuration of the Consul client is unusable.
    #[error(transparent)]
    Consul(#[from] ConfigError),
    /// The new configuration of the Consul client is unusable.
    #[error(transparent)]
    Reset(#[from] ResetError),
    /// A watch cannot start.
    #[error("the watch `{label}` cannot start: {source}")]
    Watch {
        /// The label of the watch.
        label: String,
        /// The reason.
        #[source]
        source: WatchError,
    },
    /// A handler cannot start.
    #[error("the handler of the watch `{label}` cannot start: {source}")]
    Handler {
        /// The label of the watch.
        label: String,
        /// The reason.
        #[source]
        source: HandlerError,
    },
    /// A checkpoint is unusable.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The process cannot listen for signals.
    #[error("the process cannot listen for signals: {0}")]
    Signals(#[source] std::io::Error),
    /// The supervisor of the watches is gone.
    #[error("the supervisor of the watches has ended unexpectedly; start the daemon again")]
    Gone(#[from] MailboxError),
}
