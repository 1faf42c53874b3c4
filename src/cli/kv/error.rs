//! Error of the subcommand `kv`, in the words of `consul kv`.

use consul_watch::{client::ConfigError, kv::KvError};

use crate::cli::client_errors::of_store;

/// The reason why a command of the store failed. Its text is the whole line on standard error.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum KvFailure {
    /// The arguments, or the data that they name, cannot be used.
    #[error("{0}")]
    Usage(String),
    #[error("Error connecting to Consul agent: {0}")]
    Connect(#[source] ConfigError),
    /// A call of Consul failed.
    #[error("{action}: {}", of_store(source))]
    Call {
        /// The call that failed, in Consul's words.
        action: String,
        #[source]
        source: KvError,
    },
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
    /// Consul did not do it, since its condition does not hold.
    #[error("{0}")]
    NotDone(String),
}

impl KvFailure {
    /// Returns the error of too many operands.
    pub(super) fn too_many(expected: &str, got: usize) -> Self {
        Self::Usage(format!(
            "Too many arguments (expected {expected}, got {got})"
        ))
    }

    /// Returns the error of a query.
    pub(super) fn query(source: KvError) -> Self {
        Self::call("Error querying Consul agent")(source)
    }

    /// Returns a function that makes the error of a call.
    pub(super) fn call(action: impl Into<String>) -> impl FnOnce(KvError) -> Self {
        let action = action.into();
        |source| Self::Call { action, source }
    }
}
