//! [`QueryRequest`]: one query of a path of Consul's API.

use std::time::Duration;

use consul_watch_actors::Cursor;

use super::{
    config::ConsulConfig, consistency::Consistency, duration::milliseconds, exchange::PoolKind,
    secret::Secret,
};
use crate::absence;

/// One query, which blocks if it has a cursor: a path of Consul's API, its parameters, and the cursor
/// ([blocking queries](https://developer.hashicorp.com/consul/api-docs/features/blocking)).
///
/// The other settings come from the [`ConsulConfig`] of the client that sends it.
///
/// ```
/// use consul_watch::client::{Cursor, KeyPath, QueryRequest};
///
/// let first = QueryRequest::new(KeyPath::of_prefix("app/").path()).with_param("recurse", "").accept_404(true);
/// let next = first.clone().with_cursor(Cursor::Index(42));
/// # let _ = next;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueryRequest {
    path: String,
    params: Vec<(String, String)>,
    cursor: Cursor,
    accept_404: bool,
    consistency: Option<Consistency>,
    /// Boxed, since most queries have no settings of their own.
    own: Option<Box<Own>>,
}

/// The settings of one query that take the place of the configuration's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Own {
    wait: Option<Duration>,
    first_answer_timeout: Option<Duration>,
    max_body_size: Option<usize>,
    token: Option<Secret>,
    datacenter: Option<String>,
    namespace: Option<String>,
    partition: Option<String>,
}

impl QueryRequest {
    /// Makes a query of this path, `/v1/…`, which must already be percent-encoded.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            params: Vec::new(),
            cursor: Cursor::Start,
            accept_404: false,
            consistency: None,
            own: None,
        }
    }

    /// Adds a query parameter, which is percent-encoded here. With an empty value it stands alone, as
    /// `recurse` does.
    #[must_use]
    pub fn with_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.reserve_exact(1);
        self.params.push((name.into(), value.into()));
        self
    }

    /// Sets the cursor, from which the query waits for a change. Default: [`Cursor::Start`], which does not wait.
    #[must_use]
    pub fn with_cursor(mut self, cursor: Cursor) -> Self {
        self.cursor = cursor;
        self
    }

    /// Sets how long Consul holds the query when nothing changes. Default: the configuration's, 5 min.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.own.get_or_insert_default().wait = Some(wait);
        self
    }

    /// Sets the time that the query may take when it does not block. Default: the configuration's, 20 s.
    #[must_use]
    pub fn with_first_answer_timeout(mut self, timeout: Duration) -> Self {
        self.own.get_or_insert_default().first_answer_timeout = Some(timeout);
        self
    }

    /// Sets the greatest size of the answer in bytes. Default: the configuration's, 32 MiB.
    #[must_use]
    pub fn with_max_body_size(mut self, bytes: usize) -> Self {
        self.own.get_or_insert_default().max_body_size = Some(bytes);
        self
    }

    /// Sets the token of this query alone. Default: the configuration's.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<Secret>) -> Self {
        self.own.get_or_insert_default().token = Some(token.into());
        self
    }

    /// Sets the datacenter of this query alone. Default: the configuration's.
    #[must_use]
    pub fn with_datacenter(mut self, datacenter: impl Into<String>) -> Self {
        self.own.get_or_insert_default().datacenter = Some(datacenter.into());
        self
    }

    /// Sets the namespace of this query alone. Default: the configuration's.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.own.get_or_insert_default().namespace = Some(namespace.into());
        self
    }

    /// Sets the admin partition of this query alone. Default: the configuration's.
    #[must_use]
    pub fn with_partition(mut self, partition: impl Into<String>) -> Self {
        self.own.get_or_insert_default().partition = Some(partition.into());
        self
    }

    /// Sets how fresh the answer must be. Default: the configuration's.
    #[must_use]
    pub fn with_consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = Some(consistency);
        self
    }

    /// Sets whether a 404 with `X-Consul-Index` is an answer ("there is nothing") and not an error, as for the
    /// [KV store](https://developer.hashicorp.com/consul/api-docs/kv#read-key). A 404 without the index is always
    /// an error: it comes from a proxy, and does not prove absence. Default: no.
    #[must_use]
    pub fn accept_404(mut self, accept: bool) -> Self {
        self.accept_404 = accept;
        self
    }

    /// Resumes from `cursor`. A query that starts from nothing is consistent where nobody chose otherwise:
    /// see [`absence::starts_consistent`].
    pub(crate) fn resume_from(self, cursor: &Cursor, config: &ConsulConfig) -> Self {
        let chosen = self.consistency(config);
        let request = self.with_cursor(cursor.clone());
        let resumes = *cursor != Cursor::Start;
        if absence::starts_consistent(resumes, chosen == Consistency::Default) {
            return request.with_consistency(Consistency::Consistent);
        }
        request
    }

    /// Returns the consistency that is asked for.
    pub(crate) fn consistency(&self, config: &ConsulConfig) -> Consistency {
        self.consistency.unwrap_or(config.consistency())
    }

    /// The percent-encoded path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The cursor, from which it waits for a change.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    pub(crate) fn accepts_404(&self) -> bool {
        self.accept_404
    }

    pub(crate) fn token(&self) -> Option<&Secret> {
        self.own.as_ref()?.token.as_ref()
    }

    /// The greatest age that its answer may have, if there is a limit.
    pub(crate) fn max_stale(&self, config: &ConsulConfig) -> Option<Duration> {
        match self.consistency(config) {
            Consistency::Stale { max_stale } => max_stale,
            Consistency::Default | Consistency::Consistent => None,
        }
    }

    /// The datacenter that it asks for, if not the agent's own.
    pub(crate) fn datacenter<'a>(&'a self, config: &'a ConsulConfig) -> Option<&'a str> {
        let own = self.own().and_then(|own| own.datacenter.as_deref());
        own.or(config.datacenter())
    }

    fn own(&self) -> Option<&Own> {
        self.own.as_deref()
    }

    /// The time that Consul may hold it; `None` when it answers at once.
    pub(crate) fn held(&self, config: &ConsulConfig) -> Option<Duration> {
        (self.cursor != Cursor::Start)
            .then(|| self.own().and_then(|own| own.wait).unwrap_or(config.wait()))
    }

    /// Returns the query with a shorter wait, if it would be held for longer than this.
    pub(crate) fn shortened(&self, longest: Duration, config: &ConsulConfig) -> Option<Self> {
        let held = self.held(config)?;
        (held > longest).then(|| self.clone().with_wait(longest))
    }

    /// The time that it may take, to the last byte of the body: the wait, a sixteenth more that Consul adds at
    /// random
    /// (<https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details>), and the
    /// deadline margin. When it does not block: the first answer's timeout for a watch, and else the request timeout.
    /// It ends a query on a half-open connection.
    pub(crate) fn deadline(&self, pool: PoolKind, config: &ConsulConfig) -> Duration {
        match (self.held(config), pool) {
            (Some(wait), _) => wait
                .saturating_add(wait / 16)
                .saturating_add(config.deadline_margin()),
            (None, PoolKind::LongPoll) => self
                .own()
                .and_then(|own| own.first_answer_timeout)
                .unwrap_or(config.first_answer_timeout()),
            (None, PoolKind::Short) => config.request_timeout(),
        }
    }

    /// The greatest size of the answer, in bytes.
    pub(crate) fn max_body_size(&self, config: &ConsulConfig) -> usize {
        let own = self.own().and_then(|own| own.max_body_size);
        own.unwrap_or(config.max_body_size())
    }

    /// All parameters, in the order in which they are sent.
    pub(crate) fn query(&self, config: &ConsulConfig) -> Vec<(String, String)> {
        let mut query = self.params.clone();
        let mut push = |name: &str, value: String| query.push((name.to_owned(), value));
        match &self.cursor {
            Cursor::Start => {}
            Cursor::Index(index) => push("index", (*index).max(1).to_string()),
            Cursor::Hash(hash) => push("hash", hash.clone()),
        }
        if let Some(wait) = self.held(config) {
            push("wait", milliseconds(wait));
        }
        let own = self.own();
        for (name, own, common) in [
            (
                "dc",
                own.and_then(|own| own.datacenter.as_deref()),
                config.datacenter(),
            ),
            (
                "ns",
                own.and_then(|own| own.namespace.as_deref()),
                config.namespace(),
            ),
            (
                "partition",
                own.and_then(|own| own.partition.as_deref()),
                config.partition(),
            ),
        ] {
            if let Some(value) = own.or(common) {
                push(name, value.to_owned());
            }
        }
        for (name, value) in self.consistency(config).params() {
            push(name, value);
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(request: &QueryRequest, config: &ConsulConfig) -> String {
        let query = request.query(config);
        query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&")
    }

    #[test]
    fn the_first_query_does_not_wait() {
        let config = ConsulConfig::default();
        let request = QueryRequest::new("/v1/kv/a").with_param("recurse", "");
        assert_eq!(sent(&request, &config), "recurse=");
        let config = config
            .with_request_timeout(Duration::from_secs(7))
            .with_first_answer_timeout(Duration::from_secs(40));
        assert_eq!(
            request.deadline(PoolKind::LongPoll, &config),
            config.first_answer_timeout()
        );
        assert_eq!(
            request.deadline(PoolKind::Short, &config),
            config.request_timeout()
        );
        let own = request.with_first_answer_timeout(Duration::from_secs(60));
        assert_eq!(
            own.deadline(PoolKind::LongPoll, &config),
            Duration::from_secs(60)
        );
    }

    #[test]
    fn the_deadline_covers_what_consul_may_take() {
        let config = ConsulConfig::default();
        let request = QueryRequest::new("/v1/kv/a").with_cursor(Cursor::Index(7));
        assert_eq!(sent(&request, &config), "index=7&wait=300000ms");
        assert_eq!(
            request.deadline(PoolKind::LongPoll, &config),
            Duration::from_millis(300_000 + 18_750 + 20_000)
        );
        let brief = request.with_wait(Duration::from_secs(16));
        assert_eq!(
            brief.deadline(PoolKind::LongPoll, &config),
            Duration::from_secs(16 + 1 + 20)
        );
    }

    /// Consul takes up to 18 s for it.
    #[test]
    fn no_cluster_leader_comes_before_the_deadline() {
        let config = ConsulConfig::default();
        let election = Duration::from_secs(18);
        assert!(config.request_timeout() > election && config.deadline_margin() > election);
        assert!(config.first_answer_timeout() > election);
    }

    #[test]
    fn index_zero_is_never_sent() {
        let config = ConsulConfig::default().with_wait(Duration::from_secs(1));
        let request = QueryRequest::new("/v1/kv/a").with_cursor(Cursor::Index(0));
        assert_eq!(sent(&request, &config), "index=1&wait=1000ms");
    }

    #[test]
    fn a_hash_takes_the_place_of_the_index() {
        let config = ConsulConfig::default().with_wait(Duration::from_secs(1));
        let request =
            QueryRequest::new("/v1/agent/service/a").with_cursor(Cursor::Hash("ab".into()));
        assert_eq!(sent(&request, &config), "hash=ab&wait=1000ms");
    }

    #[test]
    fn the_query_wins_over_the_configuration() {
        let config = ConsulConfig::default()
            .with_datacenter("east")
            .with_namespace("team")
            .with_partition("part")
            .with_consistency(Consistency::Consistent);
        let request = QueryRequest::new("/v1/catalog/nodes");
        assert_eq!(
            sent(&request, &config),
            "dc=east&ns=team&partition=part&consistent="
        );
        let request = request
            .with_datacenter("west")
            .with_consistency(Consistency::Stale { max_stale: None });
        assert_eq!(
            sent(&request, &config),
            "dc=west&ns=team&partition=part&stale="
        );
    }
}
