//! Parameters of queries that all watch types share, and their setters.

use std::{sync::Arc, time::Duration};

use consul_watch_actors::WatchPath;

use crate::client::{Consistency, ConsulConfig, QueryRequest, Secret};

/// The parameters that all endpoints take. A parameter that is not set comes from the configuration.
///
/// Most watches set none, so the parameters are boxed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct QueryOptions(Option<Arc<Overrides>>);

/// Parameters that replace those of the configuration. At least one is set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Overrides {
    pub(super) datacenter: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) partition: Option<String>,
    pub(super) token: Option<Secret>,
    pub(super) consistency: Option<Consistency>,
    pub(super) wait: Option<Duration>,
    pub(super) first_answer_timeout: Option<Duration>,
    pub(super) max_body_size: Option<usize>,
    /// Whether entries leave the value when the token may no longer read them.
    pub(super) drops_hidden: bool,
}

impl QueryOptions {
    /// Returns the parameters to set one of them.
    pub(super) fn overrides_mut(&mut self) -> &mut Overrides {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// Returns the parameters without those that do not affect the result, the wait and the limits, if one is set.
    pub(super) fn without_limits(&self) -> Option<Self> {
        let overrides_mut = self.0.as_deref().filter(|overrides_mut| {
            overrides_mut.wait.is_some()
                || overrides_mut.first_answer_timeout.is_some()
                || overrides_mut.max_body_size.is_some()
        })?;
        let overrides_mut = Overrides {
            wait: None,
            first_answer_timeout: None,
            max_body_size: None,
            ..overrides_mut.clone()
        };
        // Without any override it has to equal the default.
        Some(Self(
            (overrides_mut != Overrides::default()).then(|| Arc::new(overrides_mut)),
        ))
    }

    /// Adds these parameters to a request.
    pub(super) fn apply(&self, mut request: QueryRequest) -> QueryRequest {
        let Some(overrides_mut) = self.0.as_deref() else {
            return request;
        };
        if let Some(datacenter) = &overrides_mut.datacenter {
            request = request.with_datacenter(datacenter);
        }
        if let Some(namespace) = &overrides_mut.namespace {
            request = request.with_namespace(namespace);
        }
        if let Some(partition) = &overrides_mut.partition {
            request = request.with_partition(partition);
        }
        if let Some(token) = &overrides_mut.token {
            request = request.with_token(token.clone());
        }
        if let Some(consistency) = overrides_mut.consistency {
            request = request.with_consistency(consistency);
        }
        if let Some(wait) = overrides_mut.wait {
            request = request.with_wait(wait);
        }
        if let Some(timeout) = overrides_mut.first_answer_timeout {
            request = request.with_first_answer_timeout(timeout);
        }
        if let Some(bytes) = overrides_mut.max_body_size {
            request = request.with_max_body_size(bytes);
        }
        request
    }

    /// Returns how long Consul holds a query at most: it adds up to a sixteenth to the wait, and does not
    /// notice before its end that the client is gone
    /// (<https://developer.hashicorp.com/consul/api-docs/features/blocking>).
    pub(super) fn hold(&self, config: &ConsulConfig) -> Duration {
        let wait = self.wait(config);
        wait.saturating_add(wait / 16)
    }

    /// Returns how long Consul holds a query without a change.
    pub(super) fn wait(&self, config: &ConsulConfig) -> Duration {
        self.0
            .as_deref()
            .and_then(|overrides_mut| overrides_mut.wait)
            .unwrap_or(config.wait())
    }

    /// Returns whether entries leave the value when the token may no longer read them.
    pub(super) fn drops_hidden(&self) -> bool {
        self.0
            .as_deref()
            .is_some_and(|overrides| overrides.drops_hidden)
    }

    /// Adds these parameters to a path, so that watches that differ in them have different paths.
    pub(super) fn describe(&self, mut path: WatchPath) -> WatchPath {
        let Some(overrides_mut) = self.0.as_deref() else {
            return path;
        };
        let named = [
            ("dc", &overrides_mut.datacenter),
            ("ns", &overrides_mut.namespace),
            ("partition", &overrides_mut.partition),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                path = path.option(format_args!("{name}={value}"));
            }
        }
        match overrides_mut.consistency {
            Some(Consistency::Stale { .. }) => path = path.option("stale"),
            Some(Consistency::Consistent) => path = path.option("consistent"),
            Some(_) | None => {}
        }
        if overrides_mut.token.is_some() {
            path = path.option("token");
        }
        if overrides_mut.drops_hidden {
            path = path.option("without_hidden");
        }
        path
    }
}

/// Defines the setters of [`QueryOptions`], for a type with a field `options`: all of them, or those named.
macro_rules! option_setters {
    () => {
        $crate::watch::query_options::option_setters!(datacenter, namespace, partition, token, consistency, wait, limits);
    };
    ($($name:ident),+) => {
        $( $crate::watch::query_options::option_setters!(@ $name); )+
    };
    (@ datacenter) => {
        /// Queries this datacenter. Default: the configuration's, otherwise the agent's own.
        #[must_use]
        pub fn with_datacenter(mut self, datacenter: impl Into<String>) -> Self {
            self.options.overrides_mut().datacenter = Some(datacenter.into());
            self
        }
    };
    (@ namespace) => {
        /// Queries this namespace (Consul Enterprise). Default: the configuration's.
        #[must_use]
        pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
            self.options.overrides_mut().namespace = Some(namespace.into());
            self
        }
    };
    (@ partition) => {
        /// Queries this admin partition (Consul Enterprise). Default: the configuration's.
        #[must_use]
        pub fn with_partition(mut self, partition: impl Into<String>) -> Self {
            self.options.overrides_mut().partition = Some(partition.into());
            self
        }
    };
    (@ token) => {
        /// Queries with this token. Default: the configuration's.
        #[must_use]
        pub fn with_token(mut self, token: impl Into<$crate::client::Secret>) -> Self {
            self.options.overrides_mut().token = Some(token.into());
            self
        }
    };
    (@ consistency) => {
        /// Sets the consistency of answers
        /// (<https://developer.hashicorp.com/consul/api-docs/features/consistency>). Default: the configuration's.
        #[must_use]
        pub fn with_consistency(mut self, consistency: $crate::client::Consistency) -> Self {
            self.options.overrides_mut().consistency = Some(consistency);
            self
        }
    };
    (@ without_hidden) => {
        /// Drops an entry when the token may no longer read it; it counts as removed. Default: its last value stays,
        /// marked by `hidden_since`.
        #[must_use]
        pub fn without_hidden(mut self) -> Self {
            self.options.overrides_mut().drops_hidden = true;
            self
        }
    };
    (@ limits) => {
        /// Sets the time that a query may take when Consul does not hold it, as the first one. Default: the
        /// configuration's.
        #[must_use]
        pub fn with_first_answer_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.options.overrides_mut().first_answer_timeout = Some(timeout);
            self
        }

        /// Sets the greatest size of an answer in bytes. Default: the configuration's.
        #[must_use]
        pub fn with_max_body_size(mut self, bytes: usize) -> Self {
            self.options.overrides_mut().max_body_size = Some(bytes);
            self
        }
    };
    (@ wait) => {
        /// Sets how long Consul holds a query without a change: at most 10 minutes
        /// (<https://developer.hashicorp.com/consul/api-docs/features/blocking>). Default: the configuration's.
        #[must_use]
        pub fn with_wait(mut self, wait: ::std::time::Duration) -> Self {
            self.options.overrides_mut().wait = Some(wait);
            self
        }
    };
}
pub(super) use option_setters;
