//! One HTTP exchange with Consul: what is sent and what comes back.

use std::time::Duration;

use awc::http::{Method, StatusCode, header::HeaderMap};
use bytes::Bytes;

use super::{answer::ResponseMeta, secret::Secret};

/// Which set of connections an exchange uses.
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
    /// The parameters behind it, with their mark, percent-encoded too.
    pub(crate) query: &'a str,
    pub(crate) body: Bytes,
    pub(crate) pool: PoolKind,
    /// Whether it goes on from where the last one left off, which only the same agent is sure to know.
    pub(crate) resumes: bool,
    /// For all of it, to the last byte of the body.
    pub(crate) deadline: Duration,
    /// Instead of the configuration's.
    pub(crate) token: Option<&'a Secret>,
    /// Which answers, besides 2xx, are answers and not errors.
    pub(crate) accept: fn(StatusCode, &HeaderMap) -> bool,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) target: String,
    pub(crate) status: StatusCode,
    pub(crate) meta: ResponseMeta,
    pub(crate) body: Bytes,
}
