//! [`ConsulClient`]: the connections, and one HTTP exchange over them.

use std::{
    cell::RefCell,
    fmt, fs,
    path::Path,
    rc::{Rc, Weak},
    time::Duration,
};

use awc::{
    Client, ClientRequest, Connector,
    http::{
        Method, StatusCode, Uri,
        header::{self, HeaderMap, HeaderValue},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::{Instant, timeout};

use super::{
    address::Scheme,
    body,
    config::ConsulConfig,
    config_error::ConfigError,
    error::{ClientError, Stage},
    secret::Secret,
    text,
    validate::check_token,
    wire,
};

const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One thread's long polls may be as many as the machine has ports: a query that waits in awc's own
/// queue cannot be told from an idle watch, while Consul's refusal can. The budget is the supervisor's.
const POLLS: usize = 65_535;

/// Connections for short calls of one thread; more calls than that wait their turn.
const CALLS: usize = 16;

/// awc would throw a connection away after 75 s, so that every five-minute poll had to connect anew.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How long an idle connection is kept: long enough for the next query of a watch, which follows at once,
/// and not so long that a place given to another watch counts twice in Consul's limit.
const IDLE: Duration = Duration::from_secs(2);

/// How much of a failed answer is read, and for how long: Consul's texts are a line.
const ERROR_TEXT: usize = 4096;
const ERROR_TIME: Duration = Duration::from_secs(2);

/// Consul's default limit of a value. A body beyond it first asks whether it may come: otherwise the
/// agent closes the connection in the middle of it, and its reason is lost.
const ASK_FIRST: usize = 512 * 1024;

/// The longest pause that a `Retry-After` is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// A client of one Consul agent, for one thread.
///
/// It holds two sets of connections, one for blocking queries and one for short calls, so that the KV
/// store never waits behind watches. Clones share them. It is not `Send`, as awc's client is not: each
/// arbiter makes its own from the [`ConsulConfig`], which is.
///
/// Redirects are not followed, since they would carry the token to another host.
#[derive(Clone)]
pub struct ConsulClient(Rc<Inner>);

struct Inner {
    config: ConsulConfig,
    base: String,
    polls: Client,
    calls: Client,
    token: RefCell<Option<Secret>>,
}

thread_local! {
    /// The clients of this thread's watchers.
    static CLIENTS: RefCell<Vec<Weak<Inner>>> = const { RefCell::new(Vec::new()) };
}

/// Which set of connections an exchange uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    Polls,
    Calls,
}

/// One HTTP exchange.
pub(crate) struct Exchange<'a> {
    pub(crate) method: Method,
    /// Percent-encoded.
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(String, String)],
    pub(crate) body: Bytes,
    pub(crate) pool: Pool,
    /// For all of it, to the last byte of the body.
    pub(crate) deadline: Duration,
    /// Instead of the configuration's.
    pub(crate) token: Option<&'a Secret>,
    /// Which answers, besides 2xx, are answers and not errors.
    pub(crate) accept: fn(StatusCode, &HeaderMap) -> bool,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) target: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl ConsulClient {
    /// Makes a client; it connects when it is first used.
    ///
    /// # Errors
    /// [`ConfigError`]: what [`ConsulConfig::validate`] finds, a token file that cannot be read, or a
    /// transport (`https://`, `unix://`) that is not built in.
    pub fn new(config: &ConsulConfig) -> Result<Self, ConfigError> {
        let token = usable(config)?;
        Ok(Self(Rc::new(Inner {
            config: config.clone(),
            base: config.address().base_url(),
            polls: build(config, POLLS),
            calls: build(config, CALLS),
            token: RefCell::new(token),
        })))
    }

    /// Whether a client can be made of this configuration.
    pub(crate) fn check(config: &ConsulConfig) -> Result<(), ConfigError> {
        usable(config).map(drop)
    }

    /// The client that clones of this configuration share on this thread.
    pub(crate) fn shared(config: &ConsulConfig) -> Result<Self, ConfigError> {
        CLIENTS.with_borrow_mut(|clients| {
            clients.retain(|client| client.strong_count() > 0);
            let known =
                clients.iter().filter_map(Weak::upgrade).find(|inner| inner.config.is_clone_of(config));
            if let Some(inner) = known {
                return Ok(Self(inner));
            }
            let client = Self::new(config)?;
            clients.push(Rc::downgrade(&client.0));
            Ok(client)
        })
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &ConsulConfig {
        &self.0.config
    }

    /// Reads the token's file again, and says whether the token changed. Without a token file nothing
    /// happens. All clones of this client use the new token from their next request on.
    ///
    /// # Errors
    /// [`ConfigError::TokenFile`], [`ConfigError::EmptyTokenFile`] or [`ConfigError::Header`]; the old
    /// token then stays.
    pub fn reload_token(&self) -> Result<bool, ConfigError> {
        let token = read_token(&self.0.config)?;
        let changed = *self.0.token.borrow() != token;
        *self.0.token.borrow_mut() = token;
        Ok(changed)
    }

    /// Sends one request and reads its answer. The status is looked at before the body is read for data.
    pub(crate) async fn exchange(&self, exchange: Exchange<'_>) -> Result<Reply, ClientError> {
        let started = Instant::now();
        let left = || exchange.deadline.saturating_sub(started.elapsed());
        let target = format!("{} {}{}", exchange.method, self.0.base, exchange.path);
        let overdue = |target, stage| ClientError::Timeout { target, stage, deadline: exchange.deadline };

        let own_token = self.0.token.borrow().clone();
        let token = exchange.token.or(own_token.as_ref());
        let request = self.request(&exchange, token, &target)?;
        let sent = if exchange.body.is_empty() && exchange.method != Method::PUT {
            request.send()
        } else {
            request.send_body(exchange.body.clone())
        };
        let mut response = match timeout(exchange.deadline, sent).await {
            Err(_) => return Err(overdue(target, Stage::Headers)),
            Ok(Err(error)) => return Err(wire::failed(target, error, started.elapsed())),
            Ok(Ok(response)) => response,
        };

        let (status, headers) = (response.status(), response.headers().clone());
        if !status.is_success() && !(exchange.accept)(status, &headers) {
            let read = timeout(ERROR_TIME.min(left()), body::read_start(&mut response, ERROR_TEXT));
            let said = read.await.unwrap_or_default();
            return Err(self.refused(target, status, &headers, &said, token));
        }
        let limit = self.0.config.body_limit();
        match timeout(left(), body::read(&mut response, limit)).await {
            Err(_) => Err(overdue(target, Stage::Body)),
            Ok(Err(fault)) => Err(fault.into_error(target)),
            Ok(Ok(body)) => Ok(Reply { target, status, headers, body }),
        }
    }

    fn request(
        &self,
        exchange: &Exchange<'_>,
        token: Option<&Secret>,
        target: &str,
    ) -> Result<ClientRequest, ClientError> {
        let build = |reason: String| ClientError::Build { target: target.to_owned(), reason };
        let url = url(&self.0.base, exchange.path, exchange.query);
        let uri = Uri::try_from(url).map_err(|error| build(format!("its URL is not valid: {error}")))?;
        let client = match exchange.pool {
            Pool::Polls => &self.0.polls,
            Pool::Calls => &self.0.calls,
        };
        let mut request = client.request(exchange.method.clone(), uri);
        if !self.0.config.gzip() {
            request = request.no_decompress().insert_header((header::ACCEPT_ENCODING, "identity"));
        }
        if exchange.body.len() > ASK_FIRST {
            request = request.insert_header((header::EXPECT, "100-continue"));
        }
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose()).map_err(|_| {
                build("its token has a character that an HTTP header cannot carry".to_owned())
            })?;
            value.set_sensitive(true);
            request = request.insert_header(("x-consul-token", value));
        }
        if let Some(auth) = self.0.config.basic_auth() {
            request = request.basic_auth(&auth.user, auth.password.expose());
        }
        Ok(request)
    }

    fn refused(
        &self,
        target: String,
        status: StatusCode,
        headers: &HeaderMap,
        said: &[u8],
        token: Option<&Secret>,
    ) -> ClientError {
        // A page may send back what it was sent: the token, and the credentials in either form.
        let credentials = self.0.config.basic_auth().map(|auth| {
            let sent = STANDARD.encode(format!("{}:{}", auth.user, auth.password.expose()));
            [auth.password.clone(), Secret::from(sent)]
        });
        let credentials = credentials.as_ref().map_or(&[][..], |both| both);
        let secrets: Vec<&Secret> = token.into_iter().chain(credentials).collect();
        let text = if status.is_redirection() {
            "a redirect, which is not followed since it would carry the token away".to_owned()
        } else {
            text::shown(said, &secrets)
        };
        let from_consul = !text::is_html(said) && !status.is_redirection();
        let status = status.as_u16();
        if matches!(status, 401 | 403 | 407) {
            return ClientError::Denied { target, status, text };
        }
        ClientError::Status { target, status, text, retry_after: retry_after(headers), from_consul }
    }
}

impl fmt::Debug for ConsulClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsulClient").field("config", &self.0.config).finish_non_exhaustive()
    }
}

fn build(config: &ConsulConfig, limit: usize) -> Client {
    let connector = Connector::new()
        .timeout(config.connect_timeout())
        .conn_lifetime(LIFETIME)
        .conn_keep_alive(IDLE)
        .limit(limit);
    Client::builder()
        .connector(connector)
        // awc's covers only the headers; `exchange` has the deadline of the whole.
        .disable_timeout()
        .disable_redirects()
        .add_default_header((header::USER_AGENT, concat!("consul-watch/", env!("CARGO_PKG_VERSION"))))
        .finish()
}

fn url(base: &str, path: &str, query: &[(String, String)]) -> String {
    let mut url = format!("{base}{path}");
    let mut mark = '?';
    for (name, value) in query {
        url.push(mark);
        url.extend(utf8_percent_encode(name, UNRESERVED_KEPT));
        if !value.is_empty() {
            url.push('=');
            url.extend(utf8_percent_encode(value, UNRESERVED_KEPT));
        }
        mark = '&';
    }
    url
}

/// The token, if the configuration is one that a client can be made of.
fn usable(config: &ConsulConfig) -> Result<Option<Secret>, ConfigError> {
        config.validate()?;
        match config.address().scheme() {
            Scheme::Http => {}
            Scheme::Https => {
                return Err(ConfigError::Unsupported {
                    what: "HTTPS",
                    mend: "use an http:// address, such as that of an agent on this machine",
                });
            }
            Scheme::Unix => {
                return Err(ConfigError::Unsupported {
                    what: "a unix socket",
                    mend: "use the agent's http:// address",
                });
            }
        }
    read_token(config)
}

fn read_token(config: &ConsulConfig) -> Result<Option<Secret>, ConfigError> {
    match config.token_file() {
        None => Ok(config.token().cloned()),
        Some(path) => token_from(path).map(Some),
    }
}

fn token_from(path: &Path) -> Result<Secret, ConfigError> {
    // Into a `Secret` first, so that the untrimmed text is wiped as well.
    let text = fs::read_to_string(path)
        .map(Secret::from)
        .map_err(|source| ConfigError::TokenFile { path: path.to_owned(), source })?;
    let token = Secret::from(text.expose().trim());
    if token.is_empty() {
        return Err(ConfigError::EmptyTokenFile { path: path.to_owned() });
    }
    check_token(&token)?;
    Ok(token)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_and_may_stand_alone() {
        let query = [
            ("recurse".to_owned(), String::new()),
            ("filter".to_owned(), "Node == \"a&b\"".to_owned()),
            ("tag".to_owned(), "+".to_owned()),
        ];
        assert_eq!(
            url("http://h", "/v1/x", &query),
            "http://h/v1/x?recurse&filter=Node%20%3D%3D%20%22a%26b%22&tag=%2B"
        );
        assert_eq!(url("http://h/p", "/v1/x", &[]), "http://h/p/v1/x");
    }

    #[test]
    fn what_is_not_built_in_is_said() {
        for address in ["https://host", "unix:///run/consul.sock"] {
            let config = ConsulConfig::default().with_address(address).expect(address);
            let error = ConsulClient::new(&config).expect_err(address);
            assert!(matches!(error, ConfigError::Unsupported { .. }), "{error}");
        }
    }

    #[test]
    fn a_token_file_that_is_missing_is_named() {
        let config = ConsulConfig::default().with_token_file("/nonexistent/token");
        let error = ConsulClient::new(&config).expect_err("no such file");
        assert!(error.to_string().contains("/nonexistent/token"), "{error}");
    }

    #[test]
    fn a_pause_is_believed_within_reason() {
        let pause = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers)
        };
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("99999999999"), Some(LONGEST_PAUSE));
        assert_eq!(pause("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    }
}
