//! The header in which Consul warns of a request to the KV store.

use awc::http::header::HeaderMap;

use crate::text::escaped;

const NAME: &str = "x-consul-kv-warning";

/// The longest text that is logged, in characters.
const MAX_TEXT: usize = 1024;

/// Logs the warning of an answer, if it has one.
pub(super) fn log(headers: &HeaderMap, target: &str) {
    if let Some(warning) = headers.get(NAME) {
        let text = String::from_utf8_lossy(warning.as_bytes());
        tracing::warn!(
            request = target,
            warning = &*escaped(&text, MAX_TEXT),
            "Consul warns of this request"
        );
    }
}
