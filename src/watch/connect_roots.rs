//! Watches of the root certificates of the mesh.

use std::sync::Arc;

use consul_watch_actors::{Outcome, Request, WatchPath};

use super::{
    consul_query::{Answering, ConsulQuery, ask_and_read, changed, impl_query},
    query_options::{QueryOptions, option_setters},
    shared_entries::reuse_unchanged,
    source::failure,
};
use crate::{
    absence,
    client::{ConsulClient, QueryRequest},
    model::CaRoots,
};

/// Watches the root certificates that the mesh trusts: Consul's watch type `connect_roots`
/// (<https://developer.hashicorp.com/consul/api-docs/agent/connect#certificate-authority-ca-roots>).
///
/// During a rotation of the authority the old root stays beside the new one. The agent answers from its
/// cache, so the consistency cannot be chosen. An agent that has just started may answer without a root,
/// because its authority is not ready: the watch reports that to observers and keeps the last roots.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{Changed, ConnectRoots, ConsulConfig, Watch, WatchSupervisor};
///
/// struct Trust;
/// impl Actor for Trust { type Context = Context<Self>; }
/// impl Handler<Changed<ConnectRoots>> for Trust {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<ConnectRoots>, _: &mut Self::Context) {
///         let bundle: String = changed.current.roots.iter().map(|root| root.root_cert.as_str()).collect();
///         println!("{bundle}");
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
/// watches.send(Watch::new(ConnectRoots::new(), Trust.start())).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ConnectRoots {
    options: QueryOptions,
}

impl ConnectRoots {
    /// Watches the root certificates.
    pub fn new() -> Self {
        Self::default()
    }

    option_setters!(datacenter, token, wait, limits);
}

impl ConsulQuery for ConnectRoots {
    fn options(&self) -> &QueryOptions {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        self.options.describe(WatchPath::new("connect_roots", ""))
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let query = QueryRequest::new("/v1/agent/connect/ca/roots");
        let query = Ok(self.options.apply(query));
        ask_and_read(client, query, request, |answer, previous| {
            let mut roots: CaRoots = answer.json().map_err(failure)?;
            if roots.roots.is_empty() {
                return Ok(Outcome::Rejected(Arc::new(absence::of_no_roots())));
            }
            if roots.roots.is_given() {
                let old: Option<&[Arc<_>]> = previous.map(|roots| roots.roots.as_slice());
                roots.roots = reuse_unchanged(roots.roots.into_inner(), old).0.into();
            }
            Ok(changed(roots, previous))
        })
    }
}

impl_query!(ConnectRoots => CaRoots);
