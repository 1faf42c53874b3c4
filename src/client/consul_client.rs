//! [`ConsulClient`]: one HTTP exchange with Consul, over the connections of this thread.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::{Rc, Weak},
};

use consul_watch_actors::{ConnectionBudget, FailureClass};
use tokio::time::Instant;

use super::{
    attempt::Attempt,
    config::ConsulConfig,
    config_error::ConfigError,
    endpoint::Endpoint,
    error::{ClientError, ConnectStage, Stage},
    exchange::{Exchange, Reply},
    token::Token,
};

/// A client of one Consul agent, for one thread.
///
/// It holds two sets of connections, one for blocking queries and one for short calls, so that the KV
/// store never waits behind watches. Clones share them. It is not `Send`, as awc's client is not: each
/// arbiter makes its own from the [`ConsulConfig`], which is.
///
/// Over `https://` the blocking queries share a few HTTP/2 connections, up to 240 on each and never more
/// than the server announces; where the server speaks only HTTP/1.1 each has its own, as over `http://`.
/// A shared connection that does not answer a ping within 10 s is given up.
///
/// With several addresses ([`ConsulConfig::with_addresses`]) it stays at one until a connection to it
/// fails, is cut at once or does not answer in time; then the next one is used, the first one again after
/// the last. A request that found no connection is sent to each of them before it fails, unless it goes on
/// from an index of the one before.
///
/// A 403 for a token from a file reads the file again, and if it holds another token the request is sent
/// once more with that. Redirects are not followed, since they would carry the token to another host.
#[derive(Clone)]
pub struct ConsulClient {
    inner: Rc<Inner>,
    /// The endpoint that the last query of this client and its clones went to.
    endpoint_index: Rc<Cell<usize>>,
}

struct Inner {
    config: ConsulConfig,
    endpoints: Vec<Endpoint>,
    /// The endpoint that was not found wanting.
    current: Cell<usize>,
    token: Token,
}

thread_local! {
    /// The clients of this thread's watchers.
    static CLIENTS: RefCell<Vec<Weak<Inner>>> = const { RefCell::new(Vec::new()) };
}

impl ConsulClient {
    /// Makes a client; it connects when it is first used. The files of tokens and certificates are read now.
    ///
    /// # Errors
    /// [`ConfigError`]: what [`ConsulConfig::validate`] finds, a token or TLS file that cannot be read, or
    /// a transport (`https://` without the feature `tls`) that is not built in.
    pub fn new(config: &ConsulConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let token = Token::of(config)?;
        let endpoints = Endpoint::all(config)?;
        Ok(Self::of(Rc::new(Inner {
            config: config.clone(),
            endpoints,
            current: Cell::new(0),
            token,
        })))
    }

    fn of(inner: Rc<Inner>) -> Self {
        Self {
            endpoint_index: Rc::new(Cell::new(inner.current.get())),
            inner,
        }
    }

    /// Whether a client can be made of this configuration.
    pub(crate) fn check(config: &ConsulConfig) -> Result<(), ConfigError> {
        config.validate()?;
        Token::of(config)?;
        Endpoint::check(config)
    }

    /// A client whose connections all that ask for a clone of this configuration share on this thread.
    pub(crate) fn shared(config: &ConsulConfig) -> Result<Self, ConfigError> {
        CLIENTS.with_borrow_mut(|clients| {
            clients.retain(|client| client.strong_count() > 0);
            let known = clients
                .iter()
                .filter_map(Weak::upgrade)
                .find(|inner| inner.config.is_clone_of(config));
            if let Some(inner) = known {
                return Ok(Self::of(inner));
            }
            let client = Self::new(config)?;
            clients.push(Rc::downgrade(&client.inner));
            Ok(client)
        })
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &ConsulConfig {
        &self.inner.config
    }

    /// Reads the token's file again, and says whether the token changed. Without a token file nothing
    /// happens. All clones of this client use the new token from their next request on.
    ///
    /// # Errors
    /// [`ConfigError::TokenFile`], [`ConfigError::EmptyTokenFile`] or [`ConfigError::Header`]; the old
    /// token then stays.
    pub fn reload_token(&self) -> Result<bool, ConfigError> {
        self.inner.token.reload(&self.inner.config)
    }

    /// Sends one request and reads its answer: to each address until one is reached, and again when a 403
    /// can be denied_by_old_token by the token's file.
    pub(crate) async fn exchange(&self, exchange: Exchange<'_>) -> Result<Reply, ClientError> {
        let inner = &*self.inner;
        let started = Instant::now();
        let mut addresses = if exchange.resumes {
            1
        } else {
            inner.endpoints.len()
        };
        let mut denied_before = false;
        loop {
            let at = self.endpoint_for(&exchange);
            let own_token = if exchange.token.is_none() {
                inner.token.current()
            } else {
                None
            };
            let token = exchange.token.or(own_token.as_ref());
            let endpoint = &inner.endpoints[at];
            let attempt = Attempt {
                config: &inner.config,
                exchange: &exchange,
                endpoint,
                token,
                started,
            };
            let error = match attempt.run().await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let denied_by_old_token = matches!(error, ClientError::Denied { status: 403, .. })
                && exchange.token.is_none()
                && !denied_before
                && inner.token.another_than(token, &inner.config);
            if denied_by_old_token {
                denied_before = true;
                continue;
            }
            if let ClientError::Connect {
                stage: ConnectStage::Refused,
                ..
            } = error
            {
                // Nobody listens there: the agent that held the queries of before is gone, and they with it.
                inner
                    .config
                    .connection_budget()
                    .iter()
                    .for_each(ConnectionBudget::release_pending);
            }
            if error.is_address_failure() {
                inner.fail_over(at);
                addresses -= 1;
            }
            // Only what was never sent may be sent again without knowing what it is.
            let unsent = matches!(error, ClientError::Connect { .. });
            if !unsent || addresses == 0 || started.elapsed() >= exchange.deadline {
                return Err(error);
            }
        }
    }

    fn endpoint_for(&self, exchange: &Exchange<'_>) -> usize {
        if !exchange.resumes {
            self.endpoint_index.set(self.inner.current.get());
        }
        self.endpoint_index.get()
    }
}

impl Inner {
    /// This endpoint was found wanting: the next one is used, unless another request has seen to it.
    fn fail_over(&self, from: usize) {
        let count = self.endpoints.len();
        if count > 1 && self.current.get() == from {
            let next = (from + 1) % count;
            tracing::warn!(
                from = %self.endpoints[from].label,
                to = %self.endpoints[next].label,
                "the address does not work, the next one is used"
            );
            self.current.set(next);
        }
    }
}

impl ClientError {
    /// Whether another address of the same Consul may do better.
    fn is_address_failure(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Timeout { stage, .. } => *stage == Stage::Headers,
            _ => self.class() == FailureClass::LimitSuspected,
        }
    }
}

impl fmt::Debug for ConsulClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsulClient")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}
