//! The faults of a proxy.

use std::fmt::Write;
use std::time::Duration;

/// A way to refuse new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No listener: the client's connect is refused.
    Closed,
    /// The connection is accepted and reset at once.
    Reset,
    /// The connection is accepted, answered with 429 before any request, and closed, as Consul 1.9 and later does
    /// beyond its limit of connections.
    Limit,
}

/// A way to close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// By RST, as when the peer's machine restarts.
    Reset,
    /// By FIN, as when the peer's program ends.
    Fin,
}

/// A fault of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseFault {
    /// The connection is closed after the head and this many bytes of the body as it is on the wire. A shorter
    /// body passes.
    CutBody {
        /// The bytes that pass.
        after: usize,
        /// The way to close the connection.
        how: Cut,
    },
    /// Nothing more comes after the head and this many bytes of the body; the connection stays open until the
    /// client closes it or it is cut. A shorter body passes.
    Stall {
        /// The bytes that pass.
        after: usize,
    },
    /// Head and body come in small pieces.
    Drip {
        /// The size of a piece.
        bytes: usize,
        /// The pause before each.
        every: Duration,
    },
    /// Another response is sent instead: at once and without Consul if the request comes after the rule, else in
    /// place of Consul's response.
    Replace(Canned),
    /// Another response is sent instead if Consul has not begun its own after this time, as by a proxy with a timeout;
    /// the request to Consul is abandoned.
    Timeout {
        /// The time.
        after: Duration,
        /// The response.
        reply: Canned,
    },
    /// A header of the response is set or replaced.
    SetHeader {
        /// The name.
        name: String,
        /// The new value.
        value: String,
    },
    /// A header of the response is removed.
    DropHeader(String),
}

impl ResponseFault {
    /// Returns a plain text response with this status.
    pub fn status(status: u16, text: &str) -> Self {
        Self::Replace(Canned::new(status, text).header("Content-Type", "text/plain; charset=utf-8"))
    }

    /// Returns an HTML page, such as a gateway between Consul and its client sends.
    pub fn html(status: u16, page: &str) -> Self {
        Self::Replace(Canned::new(status, page).header("Content-Type", "text/html"))
    }

    /// Replaces `X-Consul-Index`.
    pub fn index(value: u64) -> Self {
        Self::SetHeader {
            name: "X-Consul-Index".to_owned(),
            value: value.to_string(),
        }
    }

    /// Removes `X-Consul-Index`.
    pub fn no_index() -> Self {
        Self::DropHeader("X-Consul-Index".to_owned())
    }

    /// Stalls after the head of the response.
    pub fn stall_after_headers() -> Self {
        Self::Stall { after: 0 }
    }
}

/// A response that Consul did not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canned {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Canned {
    /// Returns a response with this status and body, and no header but the body's length.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Returns an answer of a real Consul from `answers/NAME.http`, which `answers/README.md` describes.
    ///
    /// # Panics
    ///
    /// When there is no such file, or it is no HTTP response.
    pub fn answer(name: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/answers");
        let path = format!("{folder}/{name}.http");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text.replace("\r\n", "\n"),
            Err(error) => panic!("{path}: {error}"),
        };
        let Some((head, body)) = text.split_once("\n\n") else {
            panic!("{path} is no HTTP response");
        };
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let Some(status) = status.and_then(|status| status.parse().ok()) else {
            panic!("{path} has no status");
        };
        // The length is that of the body here, and the connection stays.
        let own = |name: &str| !["Content-Length", "Connection"].contains(&name);
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.filter(|(name, _)| own(name));
        Self {
            status,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: body.into(),
        }
    }

    /// Replaces `X-Consul-Index`.
    #[must_use]
    pub fn with_index(mut self, index: u64) -> Self {
        self.headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("X-Consul-Index"));
        self.header("X-Consul-Index", &index.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn encode(&self, with_body: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Canned\r\n", self.status);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", self.body.len());
        let mut bytes = head.into_bytes();
        if with_body {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// A fault and the responses that it applies to.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) fault: ResponseFault,
    target: Option<String>,
    left: Option<usize>,
}

impl Rule {
    /// Applies to every response until [`pass`](super::FaultProxy::pass).
    pub fn always(fault: ResponseFault) -> Self {
        Self {
            fault,
            target: None,
            left: None,
        }
    }

    /// Applies to the next `k` responses.
    pub fn next(k: usize, fault: ResponseFault) -> Self {
        Self {
            fault,
            target: None,
            left: Some(k),
        }
    }

    /// Applies only to requests whose path and query contain `part`.
    #[must_use]
    pub fn for_target(mut self, part: &str) -> Self {
        self.target = Some(part.to_owned());
        self
    }

    pub(super) fn fits(&self, target: &str) -> bool {
        self.left != Some(0)
            && self
                .target
                .as_ref()
                .is_none_or(|part| target.contains(part.as_str()))
    }

    pub(super) fn used(&mut self) {
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_used_up_and_matches_its_target_only() {
        let mut rule = Rule::next(2, ResponseFault::status(500, "no")).for_target("/kv/a");
        assert!(rule.fits("/v1/kv/a?index=3") && !rule.fits("/v1/kv/b"));
        rule.used();
        assert!(rule.fits("/v1/kv/a"));
        rule.used();
        assert!(!rule.fits("/v1/kv/a"));
    }

    #[test]
    fn a_recorded_answer_is_sent_with_another_index() {
        let bytes = Canned::answer("122-1e-index-1").with_index(7).encode(true);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        assert!(
            text.contains("X-Consul-Query-Backend: streaming\r\n"),
            "{text}"
        );
        assert!(
            text.ends_with("X-Consul-Index: 7\r\nContent-Length: 2\r\n\r\n[]"),
            "{text}"
        );
    }

    #[test]
    fn a_canned_response_has_its_length() {
        let bytes = Canned::new(429, "slow down")
            .header("Retry-After", "1")
            .encode(true);
        let expected =
            "HTTP/1.1 429 Canned\r\nRetry-After: 1\r\nContent-Length: 9\r\n\r\nslow down";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
