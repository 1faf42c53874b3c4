//! [`AddressError`]: an address that cannot be used, shown without its secrets.

/// An address that cannot be used. It shows neither credentials nor a query.
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
    /// The kind of the error.
    pub fn reason(&self) -> &AddressErrorKind {
        &self.reason
    }
}

/// The kinds of invalid addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressErrorKind {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// Neither `http`, `https` nor `unix`.
    #[error("its scheme is neither http, https nor unix")]
    Scheme,
    /// There is no host before the port or the path.
    #[error("it names no host")]
    NoHost,
    /// The host has a character that no host has.
    #[error("its host is not a name, an IPv4 address or an IPv6 address in brackets")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("its port `{0}` is not a number from 1 to 65535")]
    Port(String),
    /// There are credentials in the address, where they end up in logs.
    #[error("it holds credentials; give them by CONSUL_HTTP_AUTH")]
    Credentials,
    /// There is an `@` in the path, perhaps that of credentials with a slash.
    #[error(
        "it has an `@` in its path; write it as `%40`, and give credentials by CONSUL_HTTP_AUTH"
    )]
    At,
    /// There is a query or a fragment.
    #[error("it has a query or a fragment, which an address cannot have")]
    Query,
    /// The path prefix has a character that must be percent-encoded.
    #[error("its path has a character that must be percent-encoded")]
    Path,
    /// The path of the unix socket ends with a slash.
    #[error("its socket ends with `/`, as only a directory does")]
    Directory,
    /// The unix socket is not an absolute path.
    #[error("its socket is not an absolute path")]
    Socket,
}

/// Returns the address as an error may show it: no credentials, no query, no control characters, bounded.
pub(super) fn without_secrets(text: &str) -> String {
    let before_query = |text: &str| shorten(text.split(['?', '#']).next().unwrap_or_default());
    // A password may hold characters that otherwise end a part of an address, so the last `@` counts first.
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
