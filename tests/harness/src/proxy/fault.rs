//! What can go wrong.

use std::fmt::Write;
use std::time::Duration;

/// How new connections are turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody listens: the client's connect is refused.
    Closed,
    /// The connection is accepted and reset at once.
    Reset,
}

/// How a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// By RST, as when the peer's machine restarts.
    Reset,
    /// By FIN, as when the peer's program ends.
    Fin,
}

/// What happens to one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseFault {
    /// The connection is closed after the head and this many bytes of the body as it is on the wire. A shorter
    /// body passes.
    CutBody {
        /// The bytes that pass.
        after: usize,
        /// How the connection is closed.
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
    /// Another response is sent instead: at once, and without a word to Consul, if the request comes while
    /// the rule is there; in place of Consul's response if it came before.
    Replace(Canned),
    /// A header of the response is set or replaced.
    SetHeader {
        /// The name.
        name: String,
        /// The new value.
        value: String,
    },
    /// A header of the response is taken away.
    DropHeader(String),
}

impl ResponseFault {
    /// A plain text response with this status.
    pub fn status(status: u16, text: &str) -> Self {
        Self::Replace(Canned::new(status, text).header("Content-Type", "text/plain; charset=utf-8"))
    }

    /// An HTML page, such as a gateway between Consul and its client shows.
    pub fn html(status: u16, page: &str) -> Self {
        Self::Replace(Canned::new(status, page).header("Content-Type", "text/html"))
    }

    /// Another `X-Consul-Index`.
    pub fn index(value: u64) -> Self {
        Self::SetHeader {
            name: "X-Consul-Index".to_owned(),
            value: value.to_string(),
        }
    }

    /// No `X-Consul-Index`.
    pub fn no_index() -> Self {
        Self::DropHeader("X-Consul-Index".to_owned())
    }

    /// Only the head of the response comes.
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
    /// A response with this status and body and the body's length, and no other header.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
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

/// Which responses a fault befalls.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) fault: ResponseFault,
    target: Option<String>,
    left: Option<usize>,
}

impl Rule {
    /// Every response until [`pass`](super::FaultProxy::pass).
    pub fn always(fault: ResponseFault) -> Self {
        Self {
            fault,
            target: None,
            left: None,
        }
    }

    /// The next `k` responses.
    pub fn next(k: usize, fault: ResponseFault) -> Self {
        Self {
            fault,
            target: None,
            left: Some(k),
        }
    }

    /// Only responses to requests whose path and query contain `part`.
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
    fn a_rule_is_used_up_and_fits_its_target_only() {
        let mut rule = Rule::next(2, ResponseFault::status(500, "no")).for_target("/kv/a");
        assert!(rule.fits("/v1/kv/a?index=3") && !rule.fits("/v1/kv/b"));
        rule.used();
        assert!(rule.fits("/v1/kv/a"));
        rule.used();
        assert!(!rule.fits("/v1/kv/a"));
    }

    #[test]
    fn a_canned_response_tells_its_length() {
        let bytes = Canned::new(429, "slow down")
            .header("Retry-After", "1")
            .encode(true);
        let expected =
            "HTTP/1.1 429 Canned\r\nRetry-After: 1\r\nContent-Length: 9\r\n\r\nslow down";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
