//! Watches of the services of a datacenter.

use std::sync::Arc;

use consul_watch_actors::{Request, WatchPath};

use super::{
    consul_query::{Answering, ConsulQuery, impl_query},
    list_query::{ListParams, list_by, list_param_setters},
    query_options::{QueryOptions, option_setters},
    unreadable::{Readable, read_fields},
};
use crate::{
    client::{ClientError, ConsulClient, QueryAnswer, QueryRequest},
    model::{Nullable, ServiceList, ServiceTags},
};

/// Watches the names and tags of all services: Consul's watch type `services`
/// (<https://developer.hashicorp.com/consul/api-docs/catalog#list-services>).
///
/// A service is in the list while one of its instances is registered, whatever its health. Its tags are
/// those of all its instances; a different order of them is no change.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{Changed, ConsulConfig, Services, Watch, WatchSupervisor};
///
/// struct Directory;
/// impl Actor for Directory { type Context = Context<Self>; }
/// impl Handler<Changed<Services>> for Directory {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<Services>, _: &mut Self::Context) {
///         for change in changed.changes() { println!("{change}"); }
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
/// watches.send(Watch::new(Services::new(), Directory.start())).await??;
/// # Ok(())
/// # }
/// ```
///
/// Consul 1.8 ignores a filter here and answers all services; later releases apply it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Services {
    list_params: ListParams,
    options: QueryOptions,
}

impl Services {
    /// Watches all services.
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches all services with these options.
    pub(super) fn with(options: QueryOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    list_param_setters!(filter, node_meta);
    option_setters!();
    option_setters!(without_hidden);
}

impl ConsulQuery for Services {
    const NEVER_EMPTY: bool = true;

    fn options(&self) -> &QueryOptions {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        self.options
            .describe(self.list_params.describe(WatchPath::new("services", "")))
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let query = self
            .list_params
            .apply(QueryRequest::new("/v1/catalog/services"));
        let query = Ok(self.options.apply(query));
        list_by(self, client, query, &self.list_params, request, read)
    }
}

/// Reads the services, given the previous ones.
fn read(
    answer: &QueryAnswer,
    known: &[Arc<ServiceTags>],
) -> Result<Readable<ServiceTags>, ClientError> {
    let service = |name: &str, tags| ServiceTags {
        name: name.to_owned(),
        tags,
        hidden_since: None,
    };
    match answer.json() {
        Ok(ServiceList(list)) => Ok(Readable::all(list)),
        Err(error) => read_fields(
            answer,
            known,
            error,
            |name, tags| Ok(service(name, answer.part(tags)?)),
            |name| service(name, Nullable::default()),
        ),
    }
}

impl_query!(Services => ServiceList);
