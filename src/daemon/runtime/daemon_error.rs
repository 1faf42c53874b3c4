//! Why the daemon cannot start or reload.

use actix::MailboxError;
use consul_watch_actors::{ResetError, WatchError};

use crate::{
    checkpoint::CheckpointError,
    client::ConfigError,
    daemon::{config_issue::ConfigErrors, runtime::running_handler::HandlerError},
};

/// Why the service cannot do what it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The files cannot be used.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// Consul's configuration cannot be used.
    #[error(transparent)]
    Consul(#[from] ConfigError),
    /// Consul's new configuration was refused.
    #[error(transparent)]
    Reset(#[from] ResetError),
    /// A watch cannot be begun.
    #[error("the watch `{label}` cannot be begun: {source}")]
    Watch {
        /// Which one.
        label: String,
        /// Why.
        #[source]
        source: WatchError,
    },
    /// A handler cannot be started.
    #[error("the handler of the watch `{label}` cannot be started: {source}")]
    Handler {
        /// Of which watch.
        label: String,
        /// Why.
        #[source]
        source: HandlerError,
    },
    /// A checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The system gives us no signals.
    #[error("signals cannot be waited for: {0}")]
    Signals(#[source] std::io::Error),
    /// The actor that owns the watches is gone.
    #[error("the watches have ended unexpectedly")]
    Gone(#[from] MailboxError),
}
