//! Talking to Consul: configuration, connections, one blocking query, errors.
//!
//! Start with [`ConsulConfig::from_env`]. An application that watches needs nothing more of this module,
//! since the supervisor makes its own clients, and [`KvStore`](crate::kv::KvStore) reads and writes keys.
//! Below that, a [`ConsulClient`] sends a [`QueryRequest`] and brings a [`QueryAnswer`] or a
//! [`ClientError`], which [`ClientError::class`] sorts by what is to be done about it.

mod address;
mod answer;
mod attempt;
mod blocking;
mod body;
mod budget;
mod classify;
mod config;
mod config_error;
mod consistency;
#[cfg(feature = "tls")]
mod dial;
mod duration;
mod endpoint;
mod env;
mod error;
#[cfg(feature = "tls")]
mod http2;
mod key;
mod proxy_variables;
mod request;
mod retry_after;
mod secret;
mod short;
mod text;
mod tls;
#[cfg(feature = "tls")]
mod tls_client;
#[cfg(feature = "tls")]
mod tls_error;
#[cfg(feature = "tls")]
mod tls_verify;
mod token;
mod transport;
mod url;
mod validate;
mod wire;
#[cfg(test)]
mod wire_tests;

pub use consul_watch_actors::Cursor;

#[cfg(feature = "tls")]
pub use self::tls_error::TlsError;
// For the handler that calls a URL.
pub use self::{
    address::{Address, AddressError, AddressFault, Scheme},
    answer::{QueryAnswer, QueryMeta},
    config::ConsulConfig,
    config_error::ConfigError,
    consistency::Consistency,
    duration::parse_duration,
    error::{ClientError, ConnectStage, Stage},
    key::{EmptyKey, KeyPath},
    request::QueryRequest,
    secret::Secret,
    tls::{ClientCertificate, TlsSettings},
    transport::ConsulClient,
};
pub(crate) use self::{
    body::read_start, endpoint::USER_AGENT, retry_after::retry_after, text::shown,
};
#[cfg(feature = "tls")]
pub(crate) use self::{
    dial::Dialer, endpoint::secure, tls_client::TlsClient, tls_verify::warn_unverified,
};
