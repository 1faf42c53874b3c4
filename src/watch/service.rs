//! Watches of the instances of one service.

use std::sync::Arc;

use consul_watch_actors::{Request, WatchPath};

use super::{
    asked_entries::check_service,
    consul_query::{Answering, ConsulQuery, impl_query},
    list_query::{ListParams, list_checked, list_param_setters},
    query_options::{QueryOptions, option_setters},
    url_segment::segment,
};
use crate::{
    client::{ConsulClient, QueryAnswer, QueryRequest},
    model::ServiceEntry,
};

/// Watches the instances of one service with their health: Consul's watch type `service`
/// (<https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-service>).
///
/// The value is a list of instances, each with its node and its checks. It is empty if there are none; that
/// is a change too. Unhealthy instances are in the list unless [`passing_only`] excludes them.
///
/// By default every field of an instance counts, even the output of its checks. A [projection] selects the
/// part that counts: [`ServiceEntry::endpoint`] its addresses and tags, [`ServiceEntry::health`] its health.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{Changed, ConsulConfig, Service, Watch, WatchSupervisor, model::ServiceEntry};
///
/// struct Balancer;
/// impl Actor for Balancer { type Context = Context<Self>; }
/// impl Handler<Changed<Service>> for Balancer {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<Service>, _: &mut Self::Context) {
///         let backends: Vec<_> = changed.current.iter().map(|entry| entry.endpoint().to_string()).collect();
///         println!("{backends:?}");
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
/// let web = Service::new("web").tag("v1").passing_only();
/// watches.send(Watch::new(web, Balancer.start()).project(ServiceEntry::endpoint)).await??;
/// # Ok(())
/// # }
/// ```
///
/// [`passing_only`]: Self::passing_only
/// [projection]: crate::Watch::project
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Service {
    name: String,
    tags: Vec<String>,
    passing_only: bool,
    list_params: ListParams,
    options: QueryOptions,
}

impl Service {
    /// Watches the service with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            tags: Vec::new(),
            passing_only: false,
            list_params: ListParams::default(),
            options: QueryOptions::default(),
        }
    }

    /// Keeps only instances with this tag. Several calls require all of the tags. Consul ignores the case of
    /// a tag. Default: none.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Keeps only instances whose checks all pass, including those of their nodes. Default: no.
    #[must_use]
    pub fn passing_only(mut self) -> Self {
        self.passing_only = true;
        self
    }

    /// Returns the name of the service.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Watches the service with this name and these options.
    pub(super) fn with(name: &str, options: QueryOptions) -> Self {
        Self {
            options,
            ..Self::new(name)
        }
    }

    list_param_setters!(filter, near, node_meta, peer);
    option_setters!();
    option_setters!(without_hidden);
}

impl ConsulQuery for Service {
    fn service_name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn options(&self) -> &QueryOptions {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        let mut path = WatchPath::new("service", &*self.name);
        for tag in &self.tags {
            path = path.option(format_args!("tag={tag}"));
        }
        if self.passing_only {
            path = path.option("passingonly");
        }
        self.options.describe(self.list_params.describe(path))
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let query = segment("a service", &self.name).map(|name| {
            let mut query = QueryRequest::new(format!("/v1/health/service/{name}"));
            for tag in &self.tags {
                query = query.with_param("tag", tag);
            }
            if self.passing_only {
                query = query.with_param("passing", "1");
            }
            let params = self.list_params.with_node_meta_as_filter();
            self.options.apply(params.apply(query))
        });
        let name = self.name.clone();
        let check = move |answer: &QueryAnswer, entry: &ServiceEntry| {
            check_service(answer, &name, &entry.service.service)
        };
        list_checked(self, client, query, &self.list_params, request, check)
    }
}

impl_query!(Service => Vec<Arc<ServiceEntry>>);

#[cfg(test)]
mod tests {
    use consul_watch_actors::Query as _;

    use super::*;

    #[test]
    fn the_path_contains_the_parameters() {
        let web = Service::new("web")
            .tag("v1")
            .tag("eu")
            .passing_only()
            .with_near("_agent")
            .with_datacenter("east");
        assert_eq!(
            web.path().to_string(),
            "service:web?tag=v1&tag=eu&passingonly&near=_agent&dc=east"
        );
        assert_ne!(Service::new("web"), Service::new("web").passing_only());
        let rack = Service::new("web")
            .with_node_meta("rack", "r1")
            .with_peer("west")
            .with_filter("x == 1");
        assert_eq!(
            rack.path().to_string(),
            "service:web?filter=x == 1&peer=west&node-meta=rack:r1"
        );
    }
}
