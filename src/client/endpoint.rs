//! [`Endpoint`]: the connections of one thread to one address.

use std::{cell::Cell, rc::Rc, time::Duration};

use actix_service::fn_service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::{
    Client, Connector,
    http::{Uri, header},
};

use super::{
    address::{Address, Scheme},
    config::ConsulConfig,
    config_error::ConfigError,
    http1_heads::Http1Heads,
    proxy_timeout::ProxyTimeout,
    proxy_variables,
    tcp::{self, TcpError},
    unsafe_settings::{in_clear, is_in_clear},
    warnings::once,
};
#[cfg(feature = "tls")]
use consul_watch_actors::ConnectionBudget;

#[cfg(feature = "tls")]
use super::{
    http2::ConnectionPool,
    tls_client::{Edition, TlsClient},
    tls_connector::{AlpnOffer, TlsConnector},
};

/// The user agent of every request.
pub(crate) const USER_AGENT: &str = concat!("consul-watch/", env!("CARGO_PKG_VERSION"));

/// The connections of one thread for long polls: as many as the machine has ports. The connection budget limits
/// them; a query that waits in awc's own queue would look like an idle watch, while Consul's refusal does not.
const MAX_LONG_POLL_CONNECTIONS: usize = 65_535;

/// The connections of one thread for short calls. Further calls wait, which is the backpressure of the KV store.
const MAX_SHORT_CONNECTIONS: usize = 16;

/// The lifetime of a connection. awc's default, 75 s, would make every poll of five minutes connect again.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(24 * 3600);

/// The time that an idle connection is kept: long enough for the next query of a watch, which follows at once,
/// and too short for a permit that another watch got to count twice in Consul's limit.
const KEEP_IDLE: Duration = Duration::from_secs(2);

/// The connections to one address.
pub(super) struct Endpoint {
    /// The start of targets in errors.
    pub(super) label: String,
    /// The start of URLs for awc.
    pub(super) base: String,
    pub(super) long_poll: Client,
    pub(super) short: Client,
    pub(super) proxy_timeout: Cell<ProxyTimeout>,
    /// Whether a token that is sent there is to be warned of: others can read it.
    warns_of_tokens: Cell<bool>,
    /// The shared connections for long polls, where the server may speak HTTP/2.
    #[cfg(feature = "tls")]
    pub(super) http2: Option<std::rc::Rc<ConnectionPool>>,
    /// The certificates in use, where there are any.
    #[cfg(feature = "tls")]
    tls: Option<TlsClient>,
}

/// The certificates that a request was sent with.
#[cfg(feature = "tls")]
pub(super) type Certificates = Option<Edition>;
#[cfg(not(feature = "tls"))]
#[derive(Clone, Copy)]
pub(super) struct Certificates;

/// The part of TLS that all addresses share.
#[cfg(feature = "tls")]
type Tls = TlsClient;
#[cfg(not(feature = "tls"))]
enum Tls {}

impl Endpoint {
    /// Makes the endpoints of a configuration, which connect when they are first used.
    pub(super) fn all(config: &ConsulConfig) -> Result<Vec<Self>, ConfigError> {
        let tls = read(config)?;
        config
            .addresses()
            .iter()
            .map(|address| Self::new(config, address, tls.as_ref()))
            .collect()
    }

    /// Checks that they can be made.
    pub(super) fn check(config: &ConsulConfig) -> Result<(), ConfigError> {
        read(config).map(drop)
    }

    fn new(
        config: &ConsulConfig,
        address: &Address,
        tls: Option<&Tls>,
    ) -> Result<Self, ConfigError> {
        proxy_variables::warn(address, "Consul's address");
        let both = |build: &dyn Fn(usize) -> Client| {
            (
                build(MAX_LONG_POLL_CONNECTIONS),
                build(MAX_SHORT_CONNECTIONS),
            )
        };
        #[cfg(feature = "tls")]
        let mut http2 = None;
        let (long_poll, short) = match address.scheme() {
            Scheme::Http => both(&|limit| finish(config, limit, plain(address))),
            Scheme::Unix => both(&|limit| over_unix(config, address, limit)),
            #[cfg(feature = "tls")]
            Scheme::Https => {
                let tls = tls.ok_or(UNSUPPORTED)?;
                let connector = TlsConnector::new(tls, address.host_and_port())?;
                // A handle without a number: a client that watches nothing limits no other.
                let budget = config.connection_budget().map(|budget| budget.keep());
                let enable_budget = move || budget.iter().for_each(ConnectionBudget::enable);
                http2 = Some(ConnectionPool::new(
                    connector.clone(),
                    config.connect_timeout(),
                    enable_budget,
                ));
                both(&|limit| finish(config, limit, secure(&connector)))
            }
            #[cfg(not(feature = "tls"))]
            Scheme::Https => match tls {
                None => return Err(UNSUPPORTED),
                Some(never) => match *never {},
            },
        };
        Ok(Self {
            label: address.to_string(),
            base: address.awc_base(),
            long_poll,
            short,
            proxy_timeout: Cell::default(),
            warns_of_tokens: Cell::new(is_in_clear(address)),
            #[cfg(feature = "tls")]
            http2,
            #[cfg(feature = "tls")]
            tls: tls.filter(|_| address.scheme() == Scheme::Https).cloned(),
        })
    }
}

#[cfg(feature = "tls")]
impl Endpoint {
    /// The certificates that the next request is sent with.
    pub(super) fn certificates(&self) -> Certificates {
        self.tls.as_ref().map(TlsClient::edition)
    }

    /// Reads the certificates again after a failed handshake, and returns whether there are others by now.
    pub(super) fn has_others_than(&self, failed: Certificates) -> bool {
        match (&self.tls, failed) {
            (Some(tls), Some(failed)) => tls.read_again(failed),
            _ => false,
        }
    }
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unused_self, reason = "there are no certificates")]
impl Endpoint {
    pub(super) fn certificates(&self) -> Certificates {
        Certificates
    }

    pub(super) fn has_others_than(&self, _: Certificates) -> bool {
        false
    }
}

impl Endpoint {
    /// Warns of a token that is sent in clear to another machine.
    pub(super) fn warn_of_token(&self) {
        if self.warns_of_tokens.take() {
            once(&in_clear(&self.label));
        }
    }
}

const UNSUPPORTED: ConfigError = ConfigError::Unsupported {
    what: "HTTPS",
    remedy: "build with the feature `tls`, or use an http:// address, such as that of an agent on this machine",
};

/// Reads the files of the settings, which are checked for a plain address too: it may become an https:// one later.
#[cfg(feature = "tls")]
fn read(config: &ConsulConfig) -> Result<Option<Tls>, ConfigError> {
    let mut secure = config
        .addresses()
        .iter()
        .filter(|address| address.scheme() == Scheme::Https)
        .peekable();
    if secure.peek().is_none() {
        if config.tls().names_files() {
            TlsClient::new(config.tls())?;
        }
        return Ok(None);
    }
    let tls = TlsClient::new(config.tls())?;
    for address in secure {
        TlsConnector::new(&tls, address.host_and_port())?;
    }
    Ok(Some(tls))
}

#[cfg(not(feature = "tls"))]
fn read(config: &ConsulConfig) -> Result<Option<Tls>, ConfigError> {
    let secure = config
        .addresses()
        .iter()
        .any(|address| address.scheme() == Scheme::Https);
    if secure { Err(UNSUPPORTED) } else { Ok(None) }
}

fn over_unix(config: &ConsulConfig, address: &Address, limit: usize) -> Client {
    use actix_rt::net::UnixStream;
    let path = address.socket().unwrap_or_default().to_owned();
    let connector = Connector::new().connector(fn_service(move |info: ConnectInfo<Uri>| {
        let path = path.clone();
        async move {
            let stream = UnixStream::connect(path).await.map_err(ConnectError::Io)?;
            let stream = Http1Heads::new(stream);
            Ok::<_, ConnectError>(Connection::new(info.request().clone(), stream))
        }
    }));
    finish(config, limit, connector)
}

/// Makes awc's builder of connections over our TCP: awc's own tries the addresses of a host one after the other, and
/// keeps no connection alive.
pub(crate) fn plain(
    address: &Address,
) -> Connector<
    impl actix_service::Service<
        ConnectInfo<Uri>,
        Response = Connection<Uri, Http1Heads<actix_rt::net::TcpStream>>,
        Error = ConnectError,
    > + Clone
    + 'static,
> {
    let (host, port) = address.host_and_port();
    let host: Rc<str> = host.into();
    Connector::new().connector(fn_service(move |info: ConnectInfo<Uri>| {
        let host = Rc::clone(&host);
        async move {
            let stream = Http1Heads::new(tcp::connect(&host, port).await?);
            Ok::<_, ConnectError>(Connection::new(info.request().clone(), stream))
        }
    }))
}

impl From<TcpError> for ConnectError {
    fn from(error: TcpError) -> Self {
        match error {
            TcpError::Resolve(source) => Self::Resolver(Box::new(source)),
            TcpError::Connect(source) => Self::Io(source),
        }
    }
}

/// Makes awc's builder of connections over our TLS.
///
/// awc's own TLS chooses its roots, and cannot verify another name than the host's.
#[cfg(feature = "tls")]
pub(crate) fn secure(
    connector: &TlsConnector,
) -> Connector<
    impl actix_service::Service<
        ConnectInfo<Uri>,
        Response = Connection<Uri, Http1Heads<super::tls_connector::SecureStream>>,
        Error = ConnectError,
    > + Clone
    + 'static,
> {
    let connector = connector.clone();
    Connector::new().connector(fn_service(move |info: ConnectInfo<Uri>| {
        let connector = connector.clone();
        async move {
            let stream = Http1Heads::new(connector.connect(AlpnOffer::Http1).await?);
            Ok::<_, ConnectError>(Connection::new(info.request().clone(), stream))
        }
    }))
}

fn finish<S, Io>(config: &ConsulConfig, limit: usize, connector: Connector<S>) -> Client
where
    Io: actix_rt::net::ActixStream + std::fmt::Debug + 'static,
    S: actix_service::Service<
            ConnectInfo<Uri>,
            Response = Connection<Uri, Io>,
            Error = ConnectError,
        > + Clone
        + 'static,
{
    let connector = connector
        .timeout(config.connect_timeout())
        .conn_lifetime(MAX_CONNECTION_AGE)
        .conn_keep_alive(KEEP_IDLE)
        .limit(limit);
    Client::builder()
        .connector(connector)
        // awc's timeout ends with the headers; an exchange has a deadline for all of it.
        .disable_timeout()
        .disable_redirects()
        .add_default_header((header::USER_AGENT, USER_AGENT))
        .finish()
}
