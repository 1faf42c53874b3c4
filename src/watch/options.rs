//! What every watch type may say about how it is asked.

use std::{sync::Arc, time::Duration};

use consul_watch_actors::WatchPath;

use crate::client::{Consistency, ConsulConfig, QueryRequest, Secret};

/// The parameters that all endpoints take. What is not set comes from the configuration.
///
/// Most watches set none of them, so that is all they carry: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Options(Option<Arc<Given>>);

/// Parameters of which at least one is set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Given {
    pub(super) datacenter: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) partition: Option<String>,
    pub(super) token: Option<Secret>,
    pub(super) consistency: Option<Consistency>,
    pub(super) wait: Option<Duration>,
}

impl Options {
    /// The parameters, for one that is about to be set.
    pub(super) fn given(&mut self) -> &mut Given {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// The same without a wait of its own, if it has one.
    pub(super) fn unhurried(&self) -> Option<Self> {
        let given = self.0.as_deref().filter(|given| given.wait.is_some())?;
        let given = Given {
            wait: None,
            ..given.clone()
        };
        // What sets nothing is equal to what never did.
        Some(Self((given != Given::default()).then(|| Arc::new(given))))
    }

    /// The request with these parameters.
    pub(super) fn apply(&self, mut request: QueryRequest) -> QueryRequest {
        let Some(given) = self.0.as_deref() else {
            return request;
        };
        if let Some(datacenter) = &given.datacenter {
            request = request.with_datacenter(datacenter);
        }
        if let Some(namespace) = &given.namespace {
            request = request.with_namespace(namespace);
        }
        if let Some(partition) = &given.partition {
            request = request.with_partition(partition);
        }
        if let Some(token) = &given.token {
            request = request.with_token(token.clone());
        }
        if let Some(consistency) = given.consistency {
            request = request.with_consistency(consistency);
        }
        if let Some(wait) = given.wait {
            request = request.with_wait(wait);
        }
        request
    }

    /// How long Consul holds a query: it does not notice that a client is gone until the wait ends, and adds
    /// up to a sixteenth to it.
    pub(super) fn hold(&self, config: &ConsulConfig) -> Duration {
        let wait = self.wait(config);
        wait.saturating_add(wait / 16)
    }

    /// How long Consul holds a query when nothing changes.
    pub(super) fn wait(&self, config: &ConsulConfig) -> Duration {
        self.0
            .as_deref()
            .and_then(|given| given.wait)
            .unwrap_or(config.wait())
    }

    /// The path with these parameters, so that two watches that differ in them have two names.
    pub(super) fn describe(&self, mut path: WatchPath) -> WatchPath {
        let Some(given) = self.0.as_deref() else {
            return path;
        };
        let named = [
            ("dc", &given.datacenter),
            ("ns", &given.namespace),
            ("partition", &given.partition),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                path = path.option(format_args!("{name}={value}"));
            }
        }
        match given.consistency {
            Some(Consistency::Stale { .. }) => path = path.option("stale"),
            Some(Consistency::Consistent) => path = path.option("consistent"),
            Some(_) | None => {}
        }
        if given.token.is_some() {
            path = path.option("token");
        }
        path
    }
}

/// The setters of [`Options`], for a type that has them in a field `options`: all of them, or those named.
macro_rules! option_setters {
    () => {
        $crate::watch::options::option_setters!(datacenter, namespace, partition, token, consistency, wait);
    };
    ($($name:ident),+) => {
        $( $crate::watch::options::option_setters!(@ $name); )+
    };
    (@ datacenter) => {
        /// Asks this datacenter. Default: the configuration's, else the agent's own.
        #[must_use]
        pub fn with_datacenter(mut self, datacenter: impl Into<String>) -> Self {
            self.options.given().datacenter = Some(datacenter.into());
            self
        }
    };
    (@ namespace) => {
        /// Asks within this namespace (Consul Enterprise). Default: the configuration's.
        #[must_use]
        pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
            self.options.given().namespace = Some(namespace.into());
            self
        }
    };
    (@ partition) => {
        /// Asks within this admin partition (Consul Enterprise). Default: the configuration's.
        #[must_use]
        pub fn with_partition(mut self, partition: impl Into<String>) -> Self {
            self.options.given().partition = Some(partition.into());
            self
        }
    };
    (@ token) => {
        /// Asks with a token of its own. Default: the configuration's.
        #[must_use]
        pub fn with_token(mut self, token: impl Into<$crate::client::Secret>) -> Self {
            self.options.given().token = Some(token.into());
            self
        }
    };
    (@ consistency) => {
        /// How fresh an answer must be ("Consistency Modes"). Default: the configuration's.
        #[must_use]
        pub fn with_consistency(mut self, consistency: $crate::client::Consistency) -> Self {
            self.options.given().consistency = Some(consistency);
            self
        }
    };
    (@ wait) => {
        /// How long Consul holds a query when nothing changes ("Blocking Queries"; at most 10 minutes).
        /// Default: the configuration's.
        #[must_use]
        pub fn with_wait(mut self, wait: ::std::time::Duration) -> Self {
            self.options.given().wait = Some(wait);
            self
        }
    };
}
pub(super) use option_setters;

#[cfg(test)]
mod tests {
    use consul_watch_actors::Ask as _;

    use super::*;
    use crate::{Key, KeyPrefix};

    #[test]
    fn a_value_that_is_decoded_is_held_as_long_as_what_it_is_decoded_of() {
        let (config, wait) = (ConsulConfig::default(), Duration::from_secs(160));
        let held = Duration::from_secs(170);
        assert_eq!(Key::new("a").with_wait(wait).server_hold(&config), held);
        assert_eq!(
            Key::new("a")
                .with_wait(wait)
                .json::<u8>()
                .server_hold(&config),
            held
        );
        assert_eq!(
            KeyPrefix::new("a")
                .with_wait(wait)
                .decode::<Vec<u8>>()
                .server_hold(&config),
            held
        );
    }
}
