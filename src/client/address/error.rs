//! [`AddressError`]: an address that cannot be used, shown without its secrets.

/// An address that cannot be used. What it shows of the address has neither credentials nor a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot use `{sanitized}` as Consul's address: {reason}; write `host:port`, `http://host:port/path`, \
     `https://host:port` or `unix:///path/to.sock`"
)]
pub struct AddressError {
    pub(super) sanitized: String,
    pub(super) reason: AddressErrorKind,
}

impl AddressError {
    /// What is wrong with it.
    pub fn reason(&self) -> &AddressErrorKind {
        &self.reason
    }
}

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressErrorKind {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// Neither `http`, `https` nor `unix`.
    #[error("its scheme is neither http, https nor unix")]
    Scheme,
    /// No host before the port or the path.
    #[error("it names no host")]
    NoHost,
    /// A host with a character that no host has.
    #[error("its host is not a name, an IPv4 address or an IPv6 address in brackets")]
    Host,
    /// A port that is no number from 1 to 65535.
    #[error("its port `{0}` is not a number from 1 to 65535")]
    Port(String),
    /// Credentials in the address, where they end up in logs.
    #[error("it holds credentials; give them by CONSUL_HTTP_AUTH or `with_basic_auth`")]
    Credentials,
    /// A query or a fragment.
    #[error("it has a query or a fragment, which an address cannot have")]
    Query,
    /// A path prefix with a character that must be percent-encoded.
    #[error("its path has a character that must be percent-encoded")]
    Path,
    /// A unix socket that is not an absolute path.
    #[error("its socket is not an absolute path")]
    Socket,
}

/// The address as an error may show it: no credentials, no query, no control characters, bounded.
pub(super) fn without_secrets(text: &str) -> String {
    let before_query = |text: &str| shorten(text.split(['?', '#']).next().unwrap_or_default());
    // A password may hold what otherwise ends a part of an address, so the last `@` counts before all else.
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{}", before_query(host)),
        None => before_query(text),
    }
}

pub(super) fn shorten(text: &str) -> String {
    text.chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect()
}
