//! The client of Consul: configuration, connections, blocking queries, errors.
//!
//! Start with [`ConsulConfig::from_env`]. An application that watches needs nothing more of this module,
//! since the supervisor makes its own clients, and [`KvStore`](crate::kv::KvStore) reads and writes keys.
//! Below that, a [`ConsulClient`] sends a [`QueryRequest`] and returns a [`QueryAnswer`] or a
//! [`ClientError`], whose [`class`](ClientError::class) decides what the engine does about it.

mod address;
mod answer;
mod attempt;
mod awc_error;
mod blocking;
mod body;
mod body_budget;
mod byte_size;
mod classify;
mod cleaned_key;
mod config;
mod config_error;
mod connect_stage;
mod consistency;
mod consul_client;
mod duration;
mod endpoint;
mod env;
mod error;
mod error_body;
mod exchange;
#[cfg(feature = "cli")]
mod file_digests;
mod http1_heads;
#[cfg(feature = "tls")]
mod http2;
mod json;
mod kv_path;
mod kv_requests;
mod kv_warning;
mod leader_probe;
mod process_limits;
mod proxy_timeout;
pub(crate) mod proxy_variables;
mod regular_file;
mod request;
mod restore_signal;
mod retry_after;
mod secret;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
#[cfg(feature = "tls")]
mod tls_client;
#[cfg(feature = "tls")]
mod tls_connector;
#[cfg(feature = "tls")]
mod tls_content;
#[cfg(feature = "tls")]
mod tls_error;
#[cfg(feature = "tls")]
mod tls_failure;
#[cfg(feature = "tls")]
mod tls_verify;
mod token;
mod unreadable_entries;
mod unsafe_settings;
mod url;
mod validate;
pub(crate) mod warnings;

pub use consul_watch_actors::Cursor;

#[cfg(feature = "tls")]
pub use self::tls_error::TlsError;
pub use self::{
    address::{Address, AddressError, AddressErrorKind, Scheme},
    answer::{QueryAnswer, QueryMeta},
    byte_size::parse_size,
    cleaned_key::cleaned_key,
    config::ConsulConfig,
    config_error::ConfigError,
    connect_stage::ConnectStage,
    consistency::Consistency,
    consul_client::ConsulClient,
    duration::parse_duration,
    error::{ClientError, Stage},
    kv_path::{EmptyKey, KeyPath},
    request::QueryRequest,
    secret::Secret,
    tls::{ClientCertificate, TlsSettings},
};
#[cfg(feature = "cli")]
pub(crate) use self::{
    byte_size::shown_size,
    file_digests::{FileDigest, FileDigests},
    regular_file::{MAX_SECRET, UnreadableFile, not_a_file, read_regular_file},
    unsafe_settings::AUTHORITIES,
};
// For the handler that calls a URL, too.
pub(crate) use self::{
    body::read_start,
    duration::readable,
    endpoint::{USER_AGENT, plain},
    exchange::PoolKind,
    json::without_value,
    retry_after::retry_after,
    unsafe_settings::unverified,
};
#[cfg(feature = "tls")]
pub(crate) use self::{
    endpoint::secure, tls_client::TlsClient, tls_connector::TlsConnector, tls_failure::TlsFailure,
};
