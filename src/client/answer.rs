//! [`QueryAnswer`]: what Consul said, and how it stands to its data.

use std::{fmt, time::Duration};

use awc::http::header::{HeaderMap, HeaderValue};
use bytes::Bytes;
use serde::{Deserialize, de::Error};

use super::{error::ClientError, error_body};
use crate::decode::without_value;

/// The answer to one query: its position, what the headers say about it, and the body undecoded.
///
/// `Debug` shows the length of the body and not the body, since what is stored in Consul is often secret.
#[derive(Clone)]
pub struct QueryAnswer {
    /// `false` for a 404 that [`accept_404`](super::QueryRequest::accept_404) takes as an answer.
    pub found: bool,
    /// `X-Consul-Index`, to wait from; `None` when it is missing or no number.
    pub index: Option<u64>,
    /// `X-Consul-ContentHash`, of the endpoints that block by hash.
    pub content_hash: Option<String>,
    /// What else the headers say.
    pub meta: QueryMeta,
    /// The body, decompressed; empty when not [`found`](Self::found).
    pub body: Bytes,
    pub(crate) target: String,
}

/// What the headers of an answer say about it ("HTTP API Structure", "Blocking Queries").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QueryMeta {
    /// `X-Consul-KnownLeader`: whether the server that answered knew a leader.
    pub known_leader: Option<bool>,
    /// `X-Consul-LastContact`: how long ago that server last heard from the leader.
    pub last_contact: Option<Duration>,
    /// `X-Consul-Results-Filtered-By-ACLs`: whether the token hides a part of the result. Sent by
    /// Consul 1.11 and later.
    pub results_filtered_by_acls: bool,
    /// `X-Consul-Effective-Consistency`: the consistency it was answered with.
    pub effective_consistency: Option<String>,
    /// `X-Consul-Query-Backend`: which of Consul's engines answered.
    pub query_backend: Option<String>,
    /// `X-Cache`: whether the agent's cache answered.
    pub cache_hit: Option<bool>,
    /// `Age`: for how long the agent's cache had held the answer.
    pub age: Option<Duration>,
}

impl QueryAnswer {
    /// Decodes the body.
    ///
    /// # Errors
    /// [`ClientError::Decode`] with the place in the JSON, and a hint when it looks like a page.
    pub fn json<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ClientError> {
        decode(&self.target, &self.body)
    }

    /// What to say of a body that is JSON, and yet none of Consul's.
    pub(crate) fn undecodable(&self, what: &'static str) -> ClientError {
        let source = Error::custom(what);
        ClientError::Decode {
            target: self.target.clone(),
            path: ".".to_owned(),
            hint: Some(what),
            source,
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
        }
    }
}

/// What the headers of an answer say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResponseMeta {
    index: Option<u64>,
    content_hash: Option<String>,
    meta: QueryMeta,
}

impl ResponseMeta {
    /// Reads each header once, since to look them up by their names takes longer. Of one that comes twice the first
    /// counts.
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
                    meta.known_leader = meta.known_leader.or_else(|| Some(is("true")))
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

/// Decodes JSON, and says where it fails.
pub(crate) fn decode<'de, T: Deserialize<'de>>(
    target: &str,
    body: &'de [u8],
) -> Result<T, ClientError> {
    let failed = |path: String, source: serde_json::Error| ClientError::Decode {
        target: target.to_owned(),
        path,
        hint: error_body::diagnose(body),
        // What stands in the wrong place is shown by serde, and may be secret.
        source: if source.is_data() {
            Error::custom(without_value(&source.to_string()))
        } else {
            source
        },
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| failed(error.path().to_string(), error.into_inner()))?;
    // Anything behind the value means that it is not what it seems to be.
    reader
        .end()
        .map_err(|source| failed(".".to_owned(), source))?;
    Ok(value)
}

/// `X-Consul-Index`, which also proves that a 404 is Consul's.
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
    fn headers_that_are_not_there_or_not_numbers_are_none() {
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
    fn what_was_not_found_has_no_body() {
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

    #[test]
    fn a_decoding_error_says_where_and_what_it_may_be() {
        let error = decode::<Vec<u64>>("GET x", b"[1, true]").expect_err("a bool");
        assert!(
            matches!(&error, ClientError::Decode { path, hint: None, .. } if path == "[1]"),
            "{error:?}"
        );
        let error = decode::<Vec<u64>>("GET x", b"<html>").expect_err("a page");
        assert!(error.to_string().contains("HTML"), "{error}");
        assert!(decode::<Vec<u64>>("GET x", b"[1").is_err());
        assert!(decode::<Vec<u64>>("GET x", b"[1] [2]").is_err());
        assert!(decode::<Option<u64>>("GET x", b"").is_err());
    }
}
