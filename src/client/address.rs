//! Where Consul listens: the parser of `CONSUL_HTTP_ADDR`.

use std::{fmt, net::IpAddr, str::FromStr};

use awc::http::Uri;

/// Consul's own default.
const DEFAULT_AUTHORITY: &str = "127.0.0.1:8500";

/// How the agent is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// Plain HTTP over TCP.
    Http,
    /// HTTP over TLS.
    Https,
    /// Plain HTTP over a unix socket.
    Unix,
}

/// Where a Consul agent listens.
///
/// Read from the forms Consul's own clients take ("Consul Commands (CLI)", `CONSUL_HTTP_ADDR`):
/// `host`, `host:port`, `http://…` and `https://…` with an optional path prefix for an agent behind a
/// reverse proxy, `unix:///path/to.sock`. Without a port it is the scheme's own, 80 or 443, as with
/// Consul's clients; without a scheme it is plain HTTP. The default is `http://127.0.0.1:8500`.
///
/// ```
/// use consul_watch::client::{Address, Scheme};
///
/// let address: Address = "https://proxy.example/consul/".parse()?;
/// assert_eq!(address.scheme(), Scheme::Https);
/// assert_eq!(address.to_string(), "https://proxy.example/consul");
/// # Ok::<(), consul_watch::client::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    scheme: Scheme,
    /// `host` or `host:port`; for a unix socket the path of the socket.
    place: String,
    /// Empty, or `/segments` without a slash at the end.
    path_prefix: String,
}

impl Address {
    /// How the agent is reached.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether it is on this machine, with no network in between.
    pub fn is_local(&self) -> bool {
        let (host, _) = self.host_and_port();
        self.scheme == Scheme::Unix
            || host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// The path all of Consul's paths lie beneath: empty, or `/segments` without a slash at the end.
    pub fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// The path of the unix socket, if it is one.
    pub fn socket(&self) -> Option<&str> {
        (self.scheme == Scheme::Unix).then_some(self.place.as_str())
    }

    /// What the URL of every request starts with as awc gets it. It has no https: a connector of ours has
    /// made the connection secure before awc speaks on it. For a unix socket the host is a stand-in.
    pub(crate) fn awc_base(&self) -> String {
        match self.scheme {
            Scheme::Http | Scheme::Https => format!("http://{}{}", self.place, self.path_prefix),
            Scheme::Unix => "http://localhost".to_owned(),
        }
    }

    /// The host, an IPv6 address without its brackets, and the port; for a unix socket both say nothing.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let default = if self.scheme == Scheme::Https {
            443
        } else {
            80
        };
        let (host, port) = match self.place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
            _ => (self.place.as_str(), default),
        };
        (host.trim_start_matches('[').trim_end_matches(']'), port)
    }

    /// The same place by TLS, as `CONSUL_HTTP_SSL=true` asks. A unix socket stays what it is.
    #[must_use]
    pub(crate) fn over_tls(mut self) -> Self {
        if self.scheme == Scheme::Http {
            self.scheme = Scheme::Https;
        }
        self
    }
}

impl Default for Address {
    fn default() -> Self {
        Self {
            scheme: Scheme::Http,
            place: DEFAULT_AUTHORITY.to_owned(),
            path_prefix: String::new(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Unix => write!(f, "unix://{}", self.place),
            Scheme::Http => write!(f, "http://{}{}", self.place, self.path_prefix),
            Scheme::Https => write!(f, "https://{}{}", self.place, self.path_prefix),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).map_err(|reason| {
            // What stands for a port may be the start of a password with a slash in it.
            let is_password = matches!(reason, AddressFault::Port(_)) && text.contains('@');
            let reason = if is_password {
                AddressFault::Credentials
            } else {
                reason
            };
            AddressError {
                shown: without_secrets(text),
                reason,
            }
        })
    }
}

/// An address that cannot be used. What it shows of the address has neither credentials nor a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot use `{shown}` as Consul's address: {reason}; write `host:port`, `http://host:port/path`, \
     `https://host:port` or `unix:///path/to.sock`"
)]
pub struct AddressError {
    shown: String,
    reason: AddressFault,
}

impl AddressError {
    /// What is wrong with it.
    pub fn reason(&self) -> &AddressFault {
        &self.reason
    }
}

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressFault {
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

fn parse(text: &str) -> Result<Address, AddressFault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AddressFault::Empty);
    }
    let (scheme, rest) = match text.split_once("://") {
        None => (Scheme::Http, text),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
        Some((scheme, path)) if scheme.eq_ignore_ascii_case("unix") => return socket(path),
        Some(_) => return Err(AddressFault::Scheme),
    };
    if rest.contains(['?', '#']) {
        return Err(AddressFault::Query);
    }
    let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if place.contains('@') {
        return Err(AddressFault::Credentials);
    }
    let address = Address {
        scheme,
        place: authority(place)?,
        path_prefix: path_prefix(path)?,
    };
    // The last word has the parser that every request goes through.
    Uri::try_from(address.to_string()).map_err(|_| AddressFault::Host)?;
    Ok(address)
}

fn socket(path: &str) -> Result<Address, AddressFault> {
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        return Err(AddressFault::Socket);
    }
    Ok(Address {
        scheme: Scheme::Unix,
        place: path.to_owned(),
        path_prefix: String::new(),
    })
}

fn authority(place: &str) -> Result<String, AddressFault> {
    let (host, port) = match place.strip_prefix('[') {
        Some(bracketed) => {
            let (ip, after) = bracketed.split_once(']').ok_or(AddressFault::Host)?;
            ip.parse::<std::net::Ipv6Addr>()
                .map_err(|_| AddressFault::Host)?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err(AddressFault::Host),
            };
            (format!("[{ip}]"), port)
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (place.to_owned(), None),
        },
    };
    if host.is_empty() {
        return Err(AddressFault::NoHost);
    }
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !host.starts_with('[') && !host.chars().all(name) {
        return Err(AddressFault::Host);
    }
    match port {
        None => Ok(host),
        Some(port) => Ok(format!("{host}:{}", port_number(port)?)),
    }
}

fn port_number(text: &str) -> Result<u16, AddressFault> {
    // Rust's parser would take `+80`.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(AddressFault::Port(shorten(text))),
    }
}

fn path_prefix(path: &str) -> Result<String, AddressFault> {
    let path = path.trim_end_matches('/');
    let fits = |c: char| {
        c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
    };
    if path.chars().all(fits) {
        Ok(path.to_owned())
    } else {
        Err(AddressFault::Path)
    }
}

/// The address as an error may show it: no credentials, no query, no control characters, bounded.
fn without_secrets(text: &str) -> String {
    let before_query = |text: &str| shorten(text.split(['?', '#']).next().unwrap_or_default());
    // A password may hold what otherwise ends a part of an address, so the last `@` counts before all else.
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{}", before_query(host)),
        None => before_query(text),
    }
}

fn shorten(text: &str) -> String {
    text.chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn this_machine_is_local() {
        let local = |text: &str| text.parse::<Address>().unwrap().is_local();
        assert!(
            local("127.0.0.2:8500")
                && local("https://[::1]")
                && local("LOCALHOST")
                && local("unix:///a")
        );
        assert!(!local("10.0.0.1") && !local("consul.example"));
    }

    fn fault(text: &str) -> AddressFault {
        text.parse::<Address>().expect_err(text).reason
    }

    #[test]
    fn reads_every_form_that_consul_reads() {
        let cases = [
            ("127.0.0.1:8500", "http://127.0.0.1:8500"),
            ("consul.example", "http://consul.example"),
            ("  localhost:80\n", "http://localhost:80"),
            ("http://localhost:8500/", "http://localhost:8500"),
            ("HTTPS://localhost", "https://localhost"),
            ("http://proxy/consul/", "http://proxy/consul"),
            ("proxy:81/a/b", "http://proxy:81/a/b"),
            ("[::1]:8500", "http://[::1]:8500"),
            ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
            ("unix:///run/consul.sock", "unix:///run/consul.sock"),
        ];
        for (text, shown) in cases {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), shown, "{text}");
            assert_eq!(shown.parse::<Address>().as_ref(), Ok(&address), "{text}");
        }
        assert_eq!(Address::default().to_string(), "http://127.0.0.1:8500");
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(fault(""), AddressFault::Empty);
        assert_eq!(fault("  "), AddressFault::Empty);
        assert_eq!(fault("ftp://host"), AddressFault::Scheme);
        assert_eq!(fault("http://"), AddressFault::NoHost);
        assert_eq!(fault(":8500"), AddressFault::NoHost);
        assert_eq!(fault("::1"), AddressFault::NoHost);
        assert_eq!(fault("a host"), AddressFault::Host);
        assert_eq!(fault("[::1"), AddressFault::Host);
        assert_eq!(fault("[::1]8500"), AddressFault::Host);
        assert_eq!(fault("[nope]:1"), AddressFault::Host);
        for port in ["0", "65536", "http", "+80", "", "-1", "1:2"] {
            assert_eq!(
                fault(&format!("host:{port}")),
                AddressFault::Port(port.to_owned())
            );
        }
        assert_eq!(fault("http://host/?token=x"), AddressFault::Query);
        assert_eq!(fault("host#x"), AddressFault::Query);
        assert_eq!(fault("http://host/a b"), AddressFault::Path);
        assert_eq!(fault("unix://run/consul.sock"), AddressFault::Socket);
        assert_eq!(fault("unix://"), AddressFault::Socket);
    }

    #[test]
    fn an_error_shows_no_credentials() {
        for text in [
            "http://user:hunter2@host",
            "user:hunter2@host:8500",
            "http://a@b:hunter2@host/path",
            "ftp://user:hunter2@host",
            "http://host/?token=hunter2",
            "x:hunter2://y@host",
            "http://user:hunter2/x@host",
            "user:hunter2#x@host",
        ] {
            let error = text.parse::<Address>().expect_err(text);
            assert!(
                !format!("{error} {error:?}").contains("hunter2"),
                "{error:?}"
            );
        }
        assert_eq!(fault("http://user:pass@host"), AddressFault::Credentials);
    }

    #[test]
    fn host_and_port_are_known() {
        let parts = |text: &str| {
            let address: Address = text.parse().expect(text);
            let (host, port) = address.host_and_port();
            (host.to_owned(), port)
        };
        assert_eq!(parts("host"), ("host".to_owned(), 80));
        assert_eq!(parts("https://host"), ("host".to_owned(), 443));
        assert_eq!(parts("https://host:8501/x"), ("host".to_owned(), 8501));
        assert_eq!(parts("https://[::1]:8501"), ("::1".to_owned(), 8501));
        assert_eq!(parts("[2001:db8::1]"), ("2001:db8::1".to_owned(), 80));
    }

    #[test]
    fn tls_is_for_tcp_only() {
        let tls = |text: &str| text.parse::<Address>().expect(text).over_tls().to_string();
        assert_eq!(tls("host:8501"), "https://host:8501");
        assert_eq!(tls("unix:///a"), "unix:///a");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}|[a-z0-9:/@.\\[\\]?#-]{0,40}") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
            }
        }

        #[test]
        fn a_good_address_is_read(host in "[a-z][a-z0-9-]{0,20}", port in 1_u16.., path in "(/[a-z0-9%]{1,5}){0,3}") {
            let text = format!("https://{host}:{port}{path}");
            prop_assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text));
        }
    }
}
