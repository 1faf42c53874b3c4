//! Watches of a service's certificate in the mesh.

use std::sync::Arc;

use consul_watch_actors::{Request, WatchPath};

use super::{
    asked_entries::check_service,
    consul_query::{Answering, ConsulQuery, ask_and_read, changed, impl_query},
    query_options::{QueryOptions, option_setters},
    source::failure,
    url_segment::segment,
};
use crate::{
    client::{ConsulClient, QueryRequest},
    model::LeafCert,
};

/// Watches a service's certificate: Consul's watch type `connect_leaf`
/// (<https://developer.hashicorp.com/consul/api-docs/agent/connect#service-leaf-certificate>).
///
/// The agent creates a certificate at the first query. It creates the next one long before the last expires,
/// and when the authority is rotated: one serial number is removed then and another added. The agent answers
/// from its cache, so the consistency cannot be chosen. The service need not be registered.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{Changed, ConnectLeaf, ConsulConfig, Watch, WatchSupervisor};
///
/// struct Tls;
/// impl Actor for Tls { type Context = Context<Self>; }
/// impl Handler<Changed<ConnectLeaf>> for Tls {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<ConnectLeaf>, _: &mut Self::Context) {
///         if let Some(leaf) = &*changed.current {
///             println!("serve with {}, until {}", leaf.serial_number, leaf.valid_before);
///         }
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
/// watches.send(Watch::new(ConnectLeaf::new("web"), Tls.start())).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConnectLeaf {
    service: String,
    options: QueryOptions,
}

impl ConnectLeaf {
    /// Watches the certificate of the service with this name.
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            options: QueryOptions::default(),
        }
    }

    /// Returns the name of the service.
    pub fn service(&self) -> &str {
        &self.service
    }

    option_setters!(datacenter, namespace, partition, token, wait, limits);
}

impl ConsulQuery for ConnectLeaf {
    fn options(&self) -> &QueryOptions {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        self.options
            .describe(WatchPath::new("connect_leaf", &*self.service))
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let query = segment("a service", &self.service).map(|name| {
            let path = format!("/v1/agent/connect/ca/leaf/{name}");
            self.options.apply(QueryRequest::new(path))
        });
        let service = self.service.clone();
        ask_and_read(client, query, request, move |answer, previous| {
            let leaf: LeafCert = answer.json().map_err(failure)?;
            check_service(answer, &service, &leaf.service).map_err(failure)?;
            Ok(changed(Some(Arc::new(leaf)), previous))
        })
    }
}

// The certificate is always there; the type is that of all values of one entry.
impl_query!(ConnectLeaf => Option<Arc<LeafCert>>);
