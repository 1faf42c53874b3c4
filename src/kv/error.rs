//! [`KvError`]: a failed call of the KV store.

use crate::client::{ClientError, EmptyKey};

/// A failed call of the KV store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KvError {
    /// There is no such key, nor, for [`get_nearest`](super::KvStore::get_nearest), one above it.
    #[error("there is no key `{key}`{}; put it first, or use `get_opt`", if *ancestors { " nor a key above it" } else { "" })]
    KeyNotFound {
        /// The full key.
        key: String,
        /// Whether the keys above it were looked up, too.
        ancestors: bool,
    },
    /// The nearest key exists, and its JSON has no such field.
    #[error("the JSON of `{key}` has no field `{field}`; check the path")]
    FieldNotFound {
        /// The key that was found.
        key: String,
        /// The rest of the path, up to the part that is missing.
        field: String,
    },
    /// The nearest key exists, and its value is not JSON, so it has no fields.
    #[error(
        "the value of `{key}` is not JSON, so it has no field `{field}`; correct the value or the path"
    )]
    NotJson {
        /// The key that was found.
        key: String,
        /// The rest of the path.
        field: String,
        /// The error of the parser.
        #[source]
        source: serde_json::Error,
    },
    /// The path is empty.
    #[error(transparent)]
    EmptyKey(#[from] EmptyKey),
    /// A delete of an empty path without a prefix, which would be that of the whole store.
    #[error(
        "an empty path without a prefix would delete the whole store; name a path, or configure a prefix"
    )]
    WholeStore,
    /// The value cannot be turned into JSON.
    #[error("the value for `{key}` cannot be written as JSON")]
    Encode {
        /// The full key.
        key: String,
        /// The error of the serializer.
        #[source]
        source: serde_json::Error,
    },
    /// The value is larger than Consul accepts
    /// ([`kv_max_value_size`](https://developer.hashicorp.com/consul/docs/agent/config/config-files#kv_max_value_size)).
    #[error(
        "the value for `{key}` has {bytes} bytes, which Consul refuses; split it, or raise Consul's \
         `limits.kv_max_value_size` ({what})"
    )]
    ValueTooLarge {
        /// The full key.
        key: String,
        /// The size of the value.
        bytes: usize,
        /// Consul's text.
        what: String,
    },
    /// Consul did not execute the call, and gave no reason.
    #[error("Consul did not {action} `{key}` and gave no reason; try again")]
    NotDone {
        /// `write` or `delete`.
        action: &'static str,
        /// The full key.
        key: String,
    },
    /// The answer has another key than the request.
    #[error(
        "the answer does not hold the requested key `{key}`; check whether a proxy rewrites the URL"
    )]
    OtherKey {
        /// The full key.
        key: String,
    },
    /// The token does not allow the call.
    #[error("the token does not allow access to `{key}`: {what}; check the token's policies")]
    Denied {
        /// The full key.
        key: String,
        /// Consul's text.
        what: String,
    },
    /// Consul rolled the transaction back.
    #[error("Consul refused the transaction for `{key}`: {what}")]
    Transaction {
        /// The full key.
        key: String,
        /// Consul's text.
        what: String,
    },
    /// The keys kept changing while they were read.
    #[error("the keys above `{key}` changed each time they were read; try again")]
    Unsettled {
        /// The full key.
        key: String,
    },
    /// The request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl KvError {
    /// Returns whether it only means that nothing is there: no key, or no such field in it.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::KeyNotFound { .. } | Self::FieldNotFound { .. })
    }
}
