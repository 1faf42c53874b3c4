//! [`QueryAnswer`]: Consul's answer to a query, with its headers.

use std::{fmt, time::Duration};

use awc::http::header::{HeaderMap, HeaderValue};
use bytes::Bytes;
use serde::{
    Deserialize,
    de::{DeserializeOwned, Error},
};

use super::{error::ClientError, json::decode};

/// The longest name in an error, in characters.
const MAX_NAME: usize = 200;

/// The answer to one query: its index, its other headers, and the body, not decoded.
///
/// `Debug` shows the length of the body and not the body, since the data in Consul is often secret.
#[derive(Clone)]
pub struct QueryAnswer {
    /// `false` for a 404 that [`accept_404`](super::QueryRequest::accept_404) accepts as an answer.
    pub found: bool,
    /// `X-Consul-Index`, to wait from; `None` when it is missing or no number.
    pub index: Option<u64>,
    /// `X-Consul-ContentHash`, of the endpoints that block by hash.
    pub content_hash: Option<String>,
    /// The other headers.
    pub meta: QueryMeta,
    /// The body, decompressed; empty when not [`found`](Self::found).
    pub body: Bytes,
    pub(crate) target: String,
    /// Whether it came before the end of the wait with the index of the request.
    pub(crate) is_early_repeat: bool,
    /// Whether it was read beside a query that Consul still holds.
    pub(crate) is_beside_held: bool,
}

/// The headers of an answer that describe it: those of Consul's
/// [consistency modes](https://developer.hashicorp.com/consul/api-docs/features/consistency), of its
/// [cache](https://developer.hashicorp.com/consul/api-docs/features/caching) and of its
/// [HTTP API](https://developer.hashicorp.com/consul/api-docs/api-structure).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QueryMeta {
    /// `X-Consul-KnownLeader`: whether the server that answered knew a leader.
    pub known_leader: Option<bool>,
    /// `X-Consul-LastContact`: the time since that server last heard from the leader.
    pub last_contact: Option<Duration>,
    /// `X-Consul-Results-Filtered-By-ACLs`: whether the token hides a part of the result. Consul sends it from
    /// 1.11 on, and only where it filters lists.
    pub results_filtered_by_acls: bool,
    /// `X-Consul-Effective-Consistency`: the consistency of the answer.
    pub effective_consistency: Option<String>,
    /// `X-Consul-Query-Backend`: the part of Consul that answered, `blocking-query` or `streaming`.
    pub query_backend: Option<String>,
    /// `X-Cache`: whether the agent's cache answered.
    pub cache_hit: Option<bool>,
    /// `Age`: the time that the answer has spent in the agent's cache.
    pub age: Option<Duration>,
}

impl QueryAnswer {
    /// Decodes the body.
    ///
    /// # Errors
    /// [`ClientError::Decode`] with the path in the JSON, and a hint when the body looks like a page.
    pub fn json<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ClientError> {
        decode(&self.target, &self.body)
    }

    /// Decodes a part of the body.
    pub(crate) fn part<T: DeserializeOwned>(&self, json: &str) -> Result<T, ClientError> {
        decode(&self.target, json.as_bytes())
    }

    /// Returns the error for a body that is JSON, and yet none of Consul's.
    pub(crate) fn undecodable(&self, what: &'static str) -> ClientError {
        let source = Error::custom(what);
        ClientError::Decode {
            target: self.target.clone(),
            path: ".".to_owned(),
            hint: Some(what),
            source,
        }
    }

    /// Returns the error for an answer about something else.
    pub(crate) fn unrelated(&self, found: &str, wanted: &'static str) -> ClientError {
        ClientError::Unrelated {
            target: self.target.clone(),
            found: found.chars().take(MAX_NAME).collect(),
            wanted,
        }
    }

    pub(crate) fn new(target: String, found: bool, heading: ResponseMeta, body: Bytes) -> Self {
        let ResponseMeta {
            index,
            content_hash,
            meta,
        } = heading;
        Self {
            found,
            index,
            content_hash,
            meta,
            body: if found { body } else { Bytes::new() },
            target,
            is_early_repeat: false,
            is_beside_held: false,
        }
    }
}

/// The headers of an answer, as far as this client reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResponseMeta {
    index: Option<u64>,
    content_hash: Option<String>,
    meta: QueryMeta,
}

impl ResponseMeta {
    /// Whether the answer names the part of Consul that answered, as releases with a streaming backend do.
    pub(crate) fn names_backend(&self) -> bool {
        self.meta.query_backend.is_some()
    }

    /// Reads each header once, which is quicker than looking up each name. Of a repeated header the first counts.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut heading = Self::default();
        let Self {
            index,
            content_hash,
            meta,
        } = &mut heading;
        for (name, value) in headers {
            let Some(text) = text_of(value) else { continue };
            let is = |said: &str| text.eq_ignore_ascii_case(said);
            let number = || text.parse::<u64>().ok();
            match name.as_str() {
                "x-consul-index" => *index = index.or_else(number),
                "x-consul-contenthash" => {
                    content_hash.get_or_insert_with(|| text.to_owned());
                }
                "x-consul-knownleader" => {
                    meta.known_leader = meta.known_leader.or_else(|| Some(is("true")));
                }
                "x-consul-lastcontact" => {
                    meta.last_contact = meta
                        .last_contact
                        .or_else(|| number().map(Duration::from_millis));
                }
                "x-consul-results-filtered-by-acls" => meta.results_filtered_by_acls |= is("true"),
                "x-consul-effective-consistency" => {
                    meta.effective_consistency
                        .get_or_insert_with(|| text.to_owned());
                }
                "x-consul-query-backend" => {
                    meta.query_backend.get_or_insert_with(|| text.to_owned());
                }
                "x-cache" => meta.cache_hit = meta.cache_hit.or_else(|| Some(is("hit"))),
                "age" => meta.age = meta.age.or_else(|| number().map(Duration::from_secs)),
                _ => {}
            }
        }
        heading
    }
}

impl fmt::Debug for QueryAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryAnswer")
            .field("target", &self.target)
            .field("found", &self.found)
            .field("index", &self.index)
            .field("content_hash", &self.content_hash)
            .field("meta", &self.meta)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Reads `X-Consul-Index`, which also proves that a 404 is Consul's.
pub(crate) fn index(headers: &HeaderMap) -> Option<u64> {
    text_of(headers.get("x-consul-index")?)?.parse().ok()
}

fn text_of(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use awc::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, value)| (*name, *value));
        lines
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn headers_are_read() {
        let headers = headers(&[
            ("x-consul-index", "42"),
            ("x-consul-contenthash", "ab12"),
            ("x-consul-knownleader", "true"),
            ("x-consul-lastcontact", "15"),
            ("x-consul-results-filtered-by-acls", "true"),
            ("x-consul-effective-consistency", "leader"),
            ("x-consul-query-backend", "streaming"),
            ("x-cache", "HIT"),
            ("age", "3"),
        ]);
        let answer = QueryAnswer::new(
            String::new(),
            true,
            ResponseMeta::read(&headers),
            Bytes::from_static(b"[]"),
        );
        assert_eq!(answer.index, Some(42));
        assert_eq!(answer.content_hash.as_deref(), Some("ab12"));
        let meta = answer.meta;
        assert_eq!(
            (meta.known_leader, meta.last_contact),
            (Some(true), Some(Duration::from_millis(15)))
        );
        assert!(meta.results_filtered_by_acls);
        assert_eq!(meta.effective_consistency.as_deref(), Some("leader"));
        assert_eq!(meta.query_backend.as_deref(), Some("streaming"));
        assert_eq!(
            (meta.cache_hit, meta.age),
            (Some(true), Some(Duration::from_secs(3)))
        );
    }

    #[test]
    fn headers_that_are_missing_or_no_numbers_are_none() {
        assert_eq!(
            ResponseMeta::read(&HeaderMap::new()),
            ResponseMeta::default()
        );
        let headers = headers(&[("x-consul-index", "-1"), ("x-consul-lastcontact", "soon")]);
        assert_eq!(
            (index(&headers), ResponseMeta::read(&headers)),
            (None, ResponseMeta::default())
        );
    }

    #[test]
    fn an_answer_that_found_nothing_has_no_body() {
        let answer = QueryAnswer::new(
            String::new(),
            false,
            ResponseMeta::default(),
            Bytes::from_static(b"junk"),
        );
        assert!(answer.body.is_empty());
    }

    #[test]
    fn debug_does_not_show_the_body() {
        let answer = QueryAnswer::new(
            String::new(),
            true,
            ResponseMeta::default(),
            Bytes::from_static(b"hunter2"),
        );
        assert!(!format!("{answer:?}").contains("hunter2"));
    }
}
