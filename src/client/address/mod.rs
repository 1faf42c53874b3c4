//! [`Address`]: where Consul listens.

mod error;
mod parse;
#[cfg(test)]
mod tests;

use std::{fmt, net::IpAddr, str::FromStr};

pub use self::error::{AddressError, AddressErrorKind};
use self::{error::without_secrets, parse::parse};

/// Consul's own default.
const DEFAULT_AUTHORITY: &str = "127.0.0.1:8500";

/// The way to the agent.
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

/// The address of a Consul agent.
///
/// It is read from the forms that Consul's own clients accept
/// ([`CONSUL_HTTP_ADDR`](https://developer.hashicorp.com/consul/commands#consul_http_addr)): `host`,
/// `host:port`, `http://…` and `https://…` with an optional path prefix for an agent behind a reverse proxy,
/// `unix:///path/to.sock`. Without a port it is the scheme's own, 80 or 443, as with Consul's clients; without
/// a scheme it is plain HTTP. A port alone, `:8500`, is that of this machine. The default is Consul's, `http://127.0.0.1:8500`.
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
    authority: String,
    /// Empty, or `/segments` without a slash at the end.
    path_prefix: String,
}

impl Address {
    /// The way to the agent.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns whether the agent is on this machine, with no network in between.
    pub fn is_local(&self) -> bool {
        let (host, _) = self.host_and_port();
        self.scheme == Scheme::Unix
            || host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// The path in front of all of Consul's paths: empty, or `/segments` without a slash at the end.
    pub fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// The path of the unix socket, if it is one.
    pub fn socket(&self) -> Option<&str> {
        (self.scheme == Scheme::Unix).then_some(self.authority.as_str())
    }

    /// `host` or `host:port`; for a unix socket the path of the socket.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The start of every URL that awc gets. It has no https, since our connector secures the connection
    /// before awc uses it. For a unix socket the host is a placeholder.
    pub(crate) fn awc_base(&self) -> String {
        match self.scheme {
            Scheme::Http | Scheme::Https => {
                format!("http://{}{}", self.authority, self.path_prefix)
            }
            Scheme::Unix => "http://localhost".to_owned(),
        }
    }

    /// The host, an IPv6 address without its brackets, and the port; both mean nothing for a unix socket.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let default = if self.scheme == Scheme::Https {
            443
        } else {
            80
        };
        let (host, port) = match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
            _ => (self.authority.as_str(), default),
        };
        (host.trim_start_matches('[').trim_end_matches(']'), port)
    }

    /// The same address over TLS, as `CONSUL_HTTP_SSL=true` asks. A unix socket stays what it is.
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
            authority: DEFAULT_AUTHORITY.to_owned(),
            path_prefix: String::new(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Unix => write!(f, "unix://{}", self.authority),
            Scheme::Http => write!(f, "http://{}{}", self.authority, self.path_prefix),
            Scheme::Https => write!(f, "https://{}{}", self.authority, self.path_prefix),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).map_err(|reason| {
            // A port that is no number may be the start of a password with a slash in it.
            let is_password = matches!(reason, AddressErrorKind::Port(_)) && text.contains('@');
            let reason = if is_password {
                AddressErrorKind::Credentials
            } else {
                reason
            };
            AddressError {
                sanitized: without_secrets(text),
                reason,
            }
        })
    }
}
