//! Why the KV store did not do it.

use crate::client::{ClientError, EmptyKey};

/// A failed call of the KV store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KvError {
    /// There is no such key, nor, for [`get_nearest`](super::KvStore::get_nearest), one above it.
    #[error("there is no key `{key}`{}; put it first, or ask by `get_opt`", if *ancestors { " nor a key above it" } else { "" })]
    KeyNotFound {
        /// The full key.
        key: String,
        /// Whether the keys above it were looked for too.
        ancestors: bool,
    },
    /// The nearest key is there, and its JSON has no such field.
    #[error("the JSON of `{key}` has no field `{field}`")]
    FieldNotFound {
        /// The key that was found.
        key: String,
        /// The rest of the path, up to the part that is missing.
        field: String,
    },
    /// The nearest key is there, and its value is not JSON, so there are no fields in it.
    #[error("the value of `{key}` is not JSON, so `{field}` cannot be looked up in it")]
    NotJson {
        /// The key that was found.
        key: String,
        /// The rest of the path.
        field: String,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// The path is empty.
    #[error(transparent)]
    EmptyKey(#[from] EmptyKey),
    /// Deleting everything in Consul was asked for by an empty path without a prefix.
    #[error(
        "an empty path without a prefix would delete the whole store; name a path, or configure a prefix"
    )]
    WholeStore,
    /// The value cannot be turned into JSON.
    #[error("the value for `{key}` cannot be written as JSON")]
    Encode {
        /// The full key.
        key: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The value is larger than Consul takes.
    #[error(
        "the value for `{key}` has {bytes} bytes, which Consul refuses; split it, or raise Consul's \
         `limits.kv_max_value_size` ({what})"
    )]
    ValueTooLarge {
        /// The full key.
        key: String,
        /// The size of the value.
        bytes: usize,
        /// What Consul says.
        what: String,
    },
    /// Consul answered that it did not do it, without a reason.
    #[error("Consul did not {action} `{key}` and gave no reason; try again")]
    NotDone {
        /// `write` or `delete`.
        action: &'static str,
        /// The full key.
        key: String,
    },
    /// The answer is about another key than the one that was asked for.
    #[error("the answer does not hold `{key}`, which was asked for; does a proxy rewrite the URL?")]
    OtherKey {
        /// The full key.
        key: String,
    },
    /// The token may not do this.
    #[error("the token does not allow it for `{key}`: {what}; check the token's policies")]
    Denied {
        /// The full key.
        key: String,
        /// What Consul says.
        what: String,
    },
    /// Consul rolled the transaction back.
    #[error("Consul refused the transaction for `{key}`: {what}")]
    Transaction {
        /// The full key.
        key: String,
        /// What Consul says.
        what: String,
    },
    /// The keys kept changing while they were looked at.
    #[error("the keys above `{key}` changed each time they were looked at; try again")]
    Unsettled {
        /// The full key.
        key: String,
    },
    /// The request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl KvError {
    /// Whether it is only that nothing is there: no key, or no such field in it.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::KeyNotFound { .. } | Self::FieldNotFound { .. })
    }
}
