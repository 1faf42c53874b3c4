//! [`ConsulClient`]: exchanges with Consul over the connections of one thread, with fail-over between addresses.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use awc::http::Method;
use consul_watch_actors::{ConnectionBudget, FailureClass};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{
    attempt::Attempt,
    config::ConsulConfig,
    config_error::ConfigError,
    connect_stage::ConnectStage,
    endpoint::Endpoint,
    error::{ClientError, Stage},
    exchange::{Exchange, PoolKind, Reply},
    proxy_timeout::ProxyTimeout,
    token::Token,
    unreadable_entries::UnreadableEntries,
    warnings,
};

/// A client of one Consul agent, for one thread.
///
/// It holds two sets of connections, one for blocking queries and one for short calls, so that the KV
/// store never waits behind watches. Clones share them. It is not `Send`, as awc's client is not: each
/// arbiter makes its own from the [`ConsulConfig`], which is.
///
/// Over `https://` the blocking queries share a few HTTP/2 connections, up to 240 on each and never more
/// than the server announces; where the server speaks only HTTP/1.1 each has its own, as over `http://`.
/// A query that is dropped counts among them for as long as Consul counts it.
/// A shared connection that does not answer a ping within 10 s is half-open and is closed.
///
/// With several addresses ([`ConsulConfig::with_addresses`]) a client stays at one until a connection to it
/// fails, is refused or cut at once, meets a rate limit, or does not answer in time; then the next one is used, and the first one again after
/// the last. A request without a connection is tried at each of them before it fails, unless it resumes from an
/// index of one of them.
///
/// After a 403 for a token from a file, the file is read again, and if it holds another token the request is
/// sent once more. After a failed TLS handshake, the files of certificates are read again, with the same effect.
/// Redirects are not followed, since they would carry the token to another host.
#[derive(Clone)]
pub struct ConsulClient {
    inner: Rc<Inner>,
    /// The endpoint of the last query of this client and its clones.
    endpoint_index: Rc<Cell<usize>>,
    /// The longest wait of its queries, if there is a limit beside their own.
    longest_wait: Option<Duration>,
}

struct Inner {
    config: ConsulConfig,
    endpoints: Vec<Endpoint>,
    /// The endpoint in use.
    current: Cell<usize>,
    token: Token,
    /// A handle without a number: a client that watches nothing limits no other.
    budget: Option<ConnectionBudget>,
    /// The turns of proofs.
    proofs: Arc<Semaphore>,
    /// Whether an agent has shown that it may have a streaming backend.
    may_stream: Cell<bool>,
    unreadable_entries: UnreadableEntries,
}

/// The pause before a short call is repeated that found no room among Consul's connections, give or take a half.
const REFUSED_CALL_PAUSE: Duration = Duration::from_millis(100);

/// The number of proofs that a client makes at once.
const MAX_PROOFS: usize = 16;

thread_local! {
    /// The clients of this thread's watchers.
    static CLIENTS: RefCell<Vec<Weak<Inner>>> = const { RefCell::new(Vec::new()) };
}

impl ConsulClient {
    /// Makes a client, which connects when it is first used. The files of tokens and certificates are read now.
    ///
    /// # Errors
    /// [`ConfigError`]: the errors of [`ConsulConfig::validate`], a token or TLS file that cannot be read, or
    /// `https://` without the feature `tls`.
    pub fn new(config: &ConsulConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let token = Token::of(config)?;
        let endpoints = Endpoint::all(config)?;
        for warning in config.warnings() {
            warnings::once(&warning);
        }
        Ok(Self::of(Rc::new(Inner {
            config: config.clone(),
            endpoints,
            current: Cell::new(0),
            token,
            budget: config.connection_budget().map(|budget| budget.keep()),
            proofs: Arc::new(Semaphore::new(MAX_PROOFS)),
            may_stream: Cell::new(false),
            unreadable_entries: UnreadableEntries::default(),
        })))
    }

    fn of(inner: Rc<Inner>) -> Self {
        Self {
            endpoint_index: Rc::new(Cell::new(inner.current.get())),
            longest_wait: None,
            inner,
        }
    }

    /// Checks that a client can be made of this configuration.
    pub(crate) fn check(config: &ConsulConfig) -> Result<(), ConfigError> {
        config.validate()?;
        Token::of(config)?;
        Endpoint::check(config)
    }

    /// Returns the client of this thread that all clones of this configuration share.
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

    /// Returns the same client for queries that Consul may hold for at most this time.
    pub(crate) fn holding_at_most(&self, longest_wait: Option<Duration>) -> Self {
        Self {
            longest_wait,
            ..self.clone()
        }
    }

    pub(super) fn longest_wait(&self) -> Option<Duration> {
        self.longest_wait
    }

    /// The timeout of a proxy at the address in use, as far as is known.
    pub(super) fn proxy_timeout(&self) -> ProxyTimeout {
        self.inner.endpoints[self.endpoint_index.get()]
            .proxy_timeout
            .get()
    }

    pub(super) fn update_proxy_timeout<T>(&self, update: impl FnOnce(&mut ProxyTimeout) -> T) -> T {
        let cell = &self.inner.endpoints[self.endpoint_index.get()].proxy_timeout;
        let mut proxy = cell.get();
        let updated = update(&mut proxy);
        cell.set(proxy);
        updated
    }

    /// The configuration of the client.
    pub fn config(&self) -> &ConsulConfig {
        &self.inner.config
    }

    /// Waits for the turn of a proof: many watches may need one at once, and the leader answers them all.
    pub(crate) async fn proof_turn(&self) -> Option<OwnedSemaphorePermit> {
        // An error would mean that it is closed, which it never is.
        Arc::clone(&self.inner.proofs).acquire_owned().await.ok()
    }

    /// Returns the entries that its watches could not read.
    pub(crate) fn unreadable_entries(&self) -> &UnreadableEntries {
        &self.inner.unreadable_entries
    }

    /// Reads the token's file again, and returns whether the token changed. Without a token file it has no
    /// effect. All clones of this client use the new token from their next request on.
    ///
    /// # Errors
    /// [`ConfigError::TokenFile`], [`ConfigError::SpecialTokenFile`], [`ConfigError::HugeTokenFile`] or
    /// [`ConfigError::Header`]; then the old token stays. It also stays while the file is empty, as one that is being
    /// written is.
    pub fn reload_token(&self) -> Result<bool, ConfigError> {
        self.inner.token.reload(&self.inner.config)
    }

    /// Sends one request and reads its answer: at each address until one is reached, and again after a 403 if
    /// the token's file holds another token.
    pub(crate) async fn exchange(&self, exchange: Exchange<'_>) -> Result<Reply, ClientError> {
        let inner = &*self.inner;
        let started = Instant::now();
        let mut addresses = if exchange.resumes {
            1
        } else {
            inner.endpoints.len()
        };
        let mut denied_before = false;
        let mut distrusted_before = false;
        loop {
            let at = self.endpoint_for(&exchange);
            let own_token = if exchange.token.is_none() {
                inner.token.current()
            } else {
                None
            };
            let token = exchange.token.or(own_token.as_ref());
            let endpoint = &inner.endpoints[at];
            let certificates = endpoint.certificates();
            let attempt = Attempt {
                config: &inner.config,
                exchange: &exchange,
                endpoint,
                token,
                closes: inner
                    .budget
                    .as_ref()
                    .is_some_and(ConnectionBudget::is_contended),
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
            let distrusted_with_old_files = error.may_be_of_certificates()
                && !distrusted_before
                && endpoint.has_others_than(certificates);
            if distrusted_with_old_files {
                distrusted_before = true;
                continue;
            }
            inner.update_budget(&error);
            if error.is_address_failure() {
                inner.fail_over(at);
                addresses -= 1;
            }
            if !error.is_repeatable(&exchange) || started.elapsed() >= exchange.deadline {
                return Err(error);
            }
            if addresses == 0 {
                if exchange.pool == PoolKind::LongPoll || error.refusal().is_none() {
                    return Err(error);
                }
                // A short call waits for room, which the watches of this process make.
                tokio::time::sleep(REFUSED_CALL_PAUSE.mul_f64(0.5 + fastrand::f64())).await;
                addresses = inner.endpoints.len();
            }
        }
    }

    /// Records that an agent may have a streaming backend.
    pub(super) fn note_streaming(&self) {
        self.inner.may_stream.set(true);
    }

    /// Returns whether an agent may have a streaming backend.
    pub(super) fn may_stream(&self) -> bool {
        self.inner.may_stream.get()
    }

    /// Returns the address of the last query of this client and its clones.
    pub(super) fn label(&self) -> String {
        self.inner.endpoints[self.endpoint_index.get()]
            .label
            .clone()
    }

    fn endpoint_for(&self, exchange: &Exchange<'_>) -> usize {
        if !exchange.resumes {
            self.endpoint_index.set(self.inner.current.get());
        }
        self.endpoint_index.get()
    }
}

impl Inner {
    /// Records at the connection budget what the error says of the server's connections.
    fn update_budget(&self, error: &ClientError) {
        let gone = matches!(
            error,
            ClientError::Connect {
                stage: ConnectStage::Refused,
                ..
            }
        );
        let refusal = error.refusal();
        let Some(budget) = &self.budget else {
            return;
        };
        if gone {
            // Nobody listens there: the agent is gone, and with it the queries that it held.
            budget.release_pending();
            budget.forget_refusals();
        }
        if let Some(refusal) = refusal {
            budget.refused(refusal);
        }
    }

    /// Moves from a failed endpoint to the next one, unless another request has done so.
    fn fail_over(&self, from: usize) {
        let count = self.endpoints.len();
        if count > 1 && self.current.get() == from {
            let next = (from + 1) % count;
            tracing::warn!(
                from = %self.endpoints[from].label,
                to = %self.endpoints[next].label,
                "address failed, using the next one"
            );
            self.current.set(next);
        }
    }
}

impl ClientError {
    /// Whether another address of the same Consul may work.
    fn is_address_failure(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Timeout { stage, .. } => *stage == Stage::Headers,
            _ => self.class() == FailureClass::LimitSuspected || self.is_rate_limit(),
        }
    }

    /// Whether other certificates may work. A server that refuses one may close the connection before it says so.
    fn may_be_of_certificates(&self) -> bool {
        match self {
            Self::Connect { stage, .. } => *stage == ConnectStage::Tls,
            Self::Dropped { .. } => self.refusal().is_some(),
            _ => false,
        }
    }

    /// Whether the request may be sent again: Consul did not handle it, or only read for it.
    fn is_repeatable(&self, exchange: &Exchange<'_>) -> bool {
        let read_again = self.refusal().is_some() && exchange.method == Method::GET;
        matches!(self, Self::Connect { .. } | Self::ConnectionLimit { .. })
            || self.is_rate_limit()
            || read_again && exchange.pool == PoolKind::Short
    }
}

impl fmt::Debug for ConsulClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsulClient")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}
