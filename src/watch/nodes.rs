//! Watches of the nodes of a datacenter.

use std::sync::Arc;

use consul_watch_actors::{Request, WatchPath};

use super::{
    consul_query::{Answering, ConsulQuery, impl_query},
    list_query::{ListParams, list, list_param_setters},
    query_options::{QueryOptions, option_setters},
};
use crate::{
    client::{ConsulClient, QueryRequest},
    model::Node,
};

/// Watches all nodes: Consul's watch type `nodes`
/// (<https://developer.hashicorp.com/consul/api-docs/catalog#list-nodes>).
///
/// A node is in the list while it is registered, whatever its health.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{Changed, ConsulConfig, Nodes, Watch, WatchSupervisor};
///
/// struct Map;
/// impl Actor for Map { type Context = Context<Self>; }
/// impl Handler<Changed<Nodes>> for Map {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<Nodes>, _: &mut Self::Context) {
///         for change in changed.changes() { println!("{change}"); }
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
/// let nodes = Nodes::new().with_filter(r#"Meta.rack == "r1""#);
/// watches.send(Watch::new(nodes, Map.start())).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Nodes {
    list_params: ListParams,
    options: QueryOptions,
}

impl Nodes {
    /// Watches all nodes.
    pub fn new() -> Self {
        Self::default()
    }

    list_param_setters!(filter, near, node_meta);
    option_setters!();
    option_setters!(without_hidden);
}

impl ConsulQuery for Nodes {
    const NEVER_EMPTY: bool = true;

    fn options(&self) -> &QueryOptions {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        self.options
            .describe(self.list_params.describe(WatchPath::new("nodes", "")))
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let query = self
            .list_params
            .apply(QueryRequest::new("/v1/catalog/nodes"));
        let query = Ok(self.options.apply(query));
        list(self, client, query, &self.list_params, request)
    }
}

impl_query!(Nodes => Vec<Arc<Node>>);
