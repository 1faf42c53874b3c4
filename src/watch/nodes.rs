//! All nodes of a datacenter.

use std::{sync::Arc, time::Duration};

use consul_watch_actors::{Answer, Failure, Query, Request, WatchPath};
use futures_util::future::LocalBoxFuture;

use super::{
    catalog::{Narrowing, list, narrowing_setters},
    options::{Options, option_setters},
};
use crate::{
    client::{ConsulClient, ConsulConfig, QueryRequest},
    model::Node,
};

/// Watches all nodes (Consul's watch type `nodes`; "Catalog HTTP API", "List Nodes").
///
/// A node is there while it is registered, whatever its health.
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
    narrowing: Narrowing,
    options: Options,
}

impl Nodes {
    /// All nodes.
    pub fn new() -> Self {
        Self::default()
    }

    narrowing_setters!(filter, near, node_meta, peer);
    option_setters!();
}

impl Query for Nodes {
    type Source = ConsulConfig;
    type Value = Vec<Arc<Node>>;

    fn path(&self) -> WatchPath {
        self.options
            .describe(self.narrowing.describe(WatchPath::new("nodes", "")))
    }

    fn hold(&self, config: &ConsulConfig) -> Duration {
        self.options.hold(config)
    }

    fn run(
        &self,
        client: &ConsulClient,
        request: Request<Self::Value>,
    ) -> LocalBoxFuture<'static, Result<Answer<Self::Value>, Failure>> {
        let query = self
            .options
            .apply(self.narrowing.apply(QueryRequest::new("/v1/catalog/nodes")));
        Box::pin(list(client.clone(), query, request))
    }
}
