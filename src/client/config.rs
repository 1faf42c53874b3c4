//! [`ConsulConfig`]: the settings of every client of Consul.

mod addresses;
mod limits;
mod secure;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{address::Address, consistency::Consistency, secret::Secret, tls::TlsSettings};

/// The settings of a client: the addresses of Consul, the credentials, and the limits.
///
/// [`from_env`](Self::from_env) reads the variables that Consul's own clients read; the setters change
/// the rest. A configuration is cheap to clone and may go to any thread. Two are equal when all of their settings
/// are, which shows whether a `Reset` changes anything.
///
/// ```
/// use std::time::Duration;
/// use consul_watch::client::{Consistency, ConsulConfig};
///
/// let config = ConsulConfig::default()
///     .with_address("consul.example:8500")?
///     .with_prefix("kvTest")
///     .with_datacenter("east")
///     .with_consistency(Consistency::Stale { max_stale: Some(Duration::from_secs(10)) })
///     .with_wait(Duration::from_secs(60));
/// assert_eq!(config.prefix(), "kvTest/");
/// # Ok::<(), consul_watch::client::ConfigError>(())
/// ```
///
/// | setting | default | comes from |
/// |---|---|---|
/// | address | `http://127.0.0.1:8500` | `CONSUL_WATCH_ADDRESSES` (ours); else `CONSUL_HTTP_ADDR`; `CONSUL_HTTP_SSL` |
/// | token | none | `CONSUL_HTTP_TOKEN_FILE`, else `CONSUL_HTTP_TOKEN` |
/// | basic auth | none | `CONSUL_HTTP_AUTH` |
/// | namespace, partition | the token's | `CONSUL_NAMESPACE`, `CONSUL_PARTITION` |
/// | TLS | the system's authorities, verified | `CONSUL_CACERT`, `CONSUL_CAPATH`, `CONSUL_CLIENT_CERT`, `CONSUL_CLIENT_KEY`, `CONSUL_TLS_SERVER_NAME`, `CONSUL_HTTP_SSL_VERIFY` |
/// | datacenter | the agent's | |
/// | prefix | none | |
/// | consistency | [`Consistency::Default`] | |
/// | wait | 5 min, Consul's own default | |
/// | deadline margin | 20 s | |
/// | connect timeout | 5 s | |
/// | first answer timeout | the request timeout | |
/// | request timeout | 20 s | |
/// | greatest size of a body | 32 MiB | |
/// | bodies of the process that arrive at once | 256 MiB | |
/// | gzip | on, but for addresses of this machine | |
/// | connections for watches | 160, below Consul's 200 | |
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ConsulConfig(Arc<Settings>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Settings {
    /// At least one.
    addresses: Vec<Address>,
    basic_auth: Option<BasicAuth>,
    token: Option<Secret>,
    token_file: Option<PathBuf>,
    datacenter: Option<String>,
    namespace: Option<String>,
    partition: Option<String>,
    prefix: String,
    consistency: Consistency,
    wait: Duration,
    deadline_margin: Duration,
    connect_timeout: Duration,
    first_answer_timeout: Option<Duration>,
    request_timeout: Duration,
    max_body_size: usize,
    body_budget: usize,
    gzip: Option<bool>,
    max_watch_connections: usize,
    tls: TlsSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addresses: vec![Address::default()],
            basic_auth: None,
            token: None,
            token_file: None,
            datacenter: None,
            namespace: None,
            partition: None,
            prefix: String::new(),
            consistency: Consistency::default(),
            wait: Duration::from_secs(300),
            deadline_margin: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            first_answer_timeout: None,
            request_timeout: Duration::from_secs(20),
            max_body_size: 32 * 1024 * 1024,
            body_budget: 256 * 1024 * 1024,
            gzip: None,
            max_watch_connections: 160,
            tls: TlsSettings::default(),
        }
    }
}

/// A user and a password for a reverse proxy in front of Consul.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct BasicAuth {
    pub(crate) user: String,
    pub(crate) password: Secret,
}

impl ConsulConfig {
    /// Sets the folder of all keys: with `kvTest`, the path `test` is the key `kvTest/test`. Slashes before and
    /// after it make no difference; an empty prefix removes it. Default: none.
    #[must_use]
    pub fn with_prefix(self, prefix: impl AsRef<str>) -> Self {
        let prefix = prefix.as_ref().trim_matches('/');
        let prefix = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        self.set(|settings| settings.prefix = prefix)
    }

    /// Sets the ACL token, which is sent as `X-Consul-Token` and never in a URL
    /// ([authentication](https://developer.hashicorp.com/consul/api-docs/api-structure#authentication)). An
    /// empty token removes it. A token replaces the file of an earlier [`with_token_file`](Self::with_token_file),
    /// as `-token` does for Consul's commands since 1.15. Default: none, so the agent's own or the anonymous token
    /// counts.
    #[must_use]
    pub fn with_token(self, token: impl Into<Secret>) -> Self {
        let token = token.into();
        self.set(|settings| {
            settings.token = (!token.is_empty()).then_some(token);
            if settings.token.is_some() {
                settings.token_file = None;
            }
        })
    }

    /// Sets a file to read the ACL token from; it wins over the token of an earlier
    /// [`with_token`](Self::with_token). White space around the token is dropped. Default: none.
    #[must_use]
    pub fn with_token_file(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.set(|settings| settings.token_file = Some(path))
    }

    /// Sets a user and a password, for a reverse proxy in front of Consul that asks for HTTP basic
    /// authentication. Default: none.
    #[must_use]
    pub fn with_basic_auth(self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        let auth = BasicAuth {
            user: user.into(),
            password: password.into(),
        };
        self.set(|settings| settings.basic_auth = Some(auth))
    }

    /// Sets the datacenter to query (`dc`). Default: the agent's own.
    #[must_use]
    pub fn with_datacenter(self, datacenter: impl Into<String>) -> Self {
        let datacenter = some(datacenter);
        self.set(|settings| settings.datacenter = datacenter)
    }

    /// Sets the namespace (`ns`, Consul Enterprise). Default: the token's.
    #[must_use]
    pub fn with_namespace(self, namespace: impl Into<String>) -> Self {
        let namespace = some(namespace);
        self.set(|settings| settings.namespace = namespace)
    }

    /// Sets the admin partition (`partition`, Consul Enterprise). Default: the agent's.
    #[must_use]
    pub fn with_partition(self, partition: impl Into<String>) -> Self {
        let partition = some(partition);
        self.set(|settings| settings.partition = partition)
    }

    /// Sets how fresh a read must be. Default: [`Consistency::Default`], as with Consul.
    #[must_use]
    pub fn with_consistency(self, consistency: Consistency) -> Self {
        self.set(|settings| settings.consistency = consistency)
    }

    /// Sets how long Consul holds a blocking query when nothing changes. Default: 5 min, Consul's own; from 1 ms
    /// to 10 min, beyond which Consul caps it
    /// ([blocking queries](https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details)).
    /// With a shorter wait, Consul releases the connection of an abandoned query sooner; with a longer one,
    /// there are fewer queries.
    #[must_use]
    pub fn with_wait(self, wait: Duration) -> Self {
        self.set(|settings| settings.wait = wait)
    }

    /// Sets the time that a blocking query may take beyond its wait and the sixteenth of it that Consul adds at
    /// random
    /// ([blocking queries](https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details)),
    /// body included. It ends queries on half-open connections, whose peer is gone without a word.
    /// Default: 20 s, ours: Consul takes up to 18 s to answer "No cluster leader".
    #[must_use]
    pub fn with_deadline_margin(self, deadline_margin: Duration) -> Self {
        self.set(|settings| settings.deadline_margin = deadline_margin)
    }

    /// Sets the time to connect to the agent, name resolution included. Default: 5 s, awc's.
    #[must_use]
    pub fn with_connect_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.connect_timeout = timeout)
    }

    /// Sets the time that the first query of a watch may take, and each later one that does not block, from its start
    /// to the end of its body. A large prefix over a slow line needs more. Default: the
    /// [`request_timeout`](Self::request_timeout).
    #[must_use]
    pub fn with_first_answer_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.first_answer_timeout = Some(timeout))
    }

    /// Sets the time that any other request that does not block may take, from its start to the end of its body, such
    /// as those of the KV store. Default: 20 s, ours: Consul takes up to 18 s to answer "No cluster leader".
    #[must_use]
    pub fn with_request_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.request_timeout = timeout)
    }

    /// Sets whether Consul may compress its answers, which saves network and costs both ends processor time.
    /// Default: yes, but not for loopback addresses and unix sockets, where it only delays a delivery (ours).
    #[must_use]
    pub fn with_gzip(self, gzip: bool) -> Self {
        self.set(|settings| settings.gzip = Some(gzip))
    }

    /// Sets how many connections to this address the process holds for watches. Default: 160 (ours), which with
    /// the other connections stays below the 200 that Consul accepts from one client
    /// ([`limits.http_max_conns_per_client`](https://developer.hashicorp.com/consul/docs/agent/config/config-files#http_max_conns_per_client)).
    ///
    /// A watch beyond that number is *polling*: it queries every 10 s without being held. A query that was cut
    /// off, by us or by the network, counts until its wait is over, as it does with Consul, unless nobody
    /// listens at the address any more. Over HTTPS the number matters only where the server speaks no HTTP/2.
    ///
    /// All supervisors of the process share one budget for each scheme, host and port, whatever their other
    /// settings: the smallest number among the configurations in use holds. A smaller number, as after a
    /// `Reset`, ends no query; connections beyond it are not used again once they are released.
    #[must_use]
    pub fn with_max_watch_connections(self, count: usize) -> Self {
        self.set(|settings| settings.max_watch_connections = count)
    }

    /// The folder of all keys: empty, or with one slash at its end.
    pub fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The ACL token that was set; a [`token_file`](Self::token_file) wins over it.
    pub fn token(&self) -> Option<&Secret> {
        self.0.token.as_ref()
    }

    /// The file the ACL token is read from.
    pub fn token_file(&self) -> Option<&Path> {
        self.0.token_file.as_deref()
    }

    /// The datacenter to query.
    pub fn datacenter(&self) -> Option<&str> {
        self.0.datacenter.as_deref()
    }

    /// The namespace.
    pub fn namespace(&self) -> Option<&str> {
        self.0.namespace.as_deref()
    }

    /// The admin partition.
    pub fn partition(&self) -> Option<&str> {
        self.0.partition.as_deref()
    }

    /// The freshness that reads ask for.
    pub fn consistency(&self) -> Consistency {
        self.0.consistency
    }

    /// The time that Consul holds a blocking query when nothing changes.
    pub fn wait(&self) -> Duration {
        self.0.wait
    }

    /// The time that a blocking query may take beyond the longest time that Consul holds it.
    pub fn deadline_margin(&self) -> Duration {
        self.0.deadline_margin
    }

    /// The time to connect to the agent.
    pub fn connect_timeout(&self) -> Duration {
        self.0.connect_timeout
    }

    /// The time that the first query of a watch may take.
    pub fn first_answer_timeout(&self) -> Duration {
        self.0
            .first_answer_timeout
            .unwrap_or(self.0.request_timeout)
    }

    /// The time that any other request that does not block may take.
    pub fn request_timeout(&self) -> Duration {
        self.0.request_timeout
    }

    /// Returns whether Consul may compress its answers.
    pub fn gzip(&self) -> bool {
        self.0.gzip.unwrap_or_else(|| !self.address().is_local())
    }

    /// The number of connections that the process holds for watches.
    pub fn max_watch_connections(&self) -> usize {
        self.0.max_watch_connections
    }

    /// Returns equal settings for which no client is shared yet.
    pub(crate) fn refreshed(self) -> Self {
        Self(Arc::new(Settings::clone(&self.0)))
    }

    /// Whether the two are clones of each other, and so share clients.
    pub(crate) fn is_clone_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The parameters of every request that choose a part of Consul: datacenter, namespace, partition.
    pub(crate) fn scope(&self) -> Vec<(String, String)> {
        let scope = [
            ("dc", self.datacenter()),
            ("ns", self.namespace()),
            ("partition", self.partition()),
        ];
        scope
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect()
    }

    pub(crate) fn basic_auth(&self) -> Option<&BasicAuth> {
        self.0.basic_auth.as_ref()
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

fn some(text: impl Into<String>) -> Option<String> {
    Some(text.into()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
