//! One HTTP exchange with Consul: what is sent and what comes back.

use std::time::Duration;

use awc::http::{Method, StatusCode, header::HeaderMap};
use bytes::Bytes;

use super::{answer::ResponseMeta, secret::Secret};

/// The set of connections of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolKind {
    LongPoll,
    Short,
}

/// One HTTP exchange.
pub(crate) struct Exchange<'a> {
    pub(crate) method: Method,
    /// Percent-encoded.
    pub(crate) path: &'a str,
    /// The parameters with their question mark, percent-encoded too.
    pub(crate) query: &'a str,
    pub(crate) body: Bytes,
    pub(crate) pool: PoolKind,
    /// Whether it resumes from an index, which is only valid at the agent that gave it.
    pub(crate) resumes: bool,
    /// The time for all of it, to the last byte of the body.
    pub(crate) deadline: Duration,
    /// The greatest size of the body, in bytes.
    pub(crate) max_body_size: usize,
    /// The token of this exchange alone; else the configuration's.
    pub(crate) token: Option<&'a Secret>,
    /// The statuses besides 2xx that are answers and not errors.
    pub(crate) accept: fn(StatusCode, &HeaderMap) -> bool,
}

/// The answer to an exchange.
pub(crate) struct Reply {
    pub(crate) target: String,
    pub(crate) status: StatusCode,
    pub(crate) meta: ResponseMeta,
    pub(crate) body: Bytes,
}
