//! Watches of one instance as its agent has it.

use std::{sync::Arc, time::Duration};

use consul_watch_actors::{Cursor, Position, QueryResponse, Request, WatchPath};

use super::{
    asked_entries::check,
    consul_query::{Answering, ConsulQuery, changed, impl_query},
    query_options::{QueryOptions, option_setters},
    source::failure,
    url_segment::segment,
};
use crate::{
    absence,
    client::{ClientError, ConsulClient, QueryRequest},
    model::ServiceInstance,
};

/// The pause before the next query for an instance that is gone. The agent does not hold such a query.
const GONE: Duration = Duration::from_secs(1);

/// The longest hash that is sent back (ours).
const MAX_HASH: usize = 256;

/// Watches one instance that is registered with the agent it asks: Consul's watch type `agent_service`
/// (<https://developer.hashicorp.com/consul/api-docs/agent/service#get-service-configuration>).
///
/// The value is the instance, or `None` if the agent has none with this id. Deregistration is a change. So is
/// a new registration; the watch notices it within about a second, because the agent does not hold a query
/// for an instance that it does not have.
///
/// The value is the agent's own state, without health. The datacenter and the consistency of the
/// configuration have no effect. The agent blocks by a hash, so [`index`](crate::Changed::index) is 0.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{AgentService, Changed, ConsulConfig, Watch, WatchSupervisor};
///
/// struct Sidecar;
/// impl Actor for Sidecar { type Context = Context<Self>; }
/// impl Handler<Changed<AgentService>> for Sidecar {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<AgentService>, _: &mut Self::Context) {
///         match &*changed.current {
///             Some(instance) => println!("{} upstreams", instance.proxy.upstreams.len()),
///             None => println!("deregistered"),
///         }
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
/// watches.send(Watch::new(AgentService::new("web-1-sidecar-proxy"), Sidecar.start())).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AgentService {
    id: String,
    options: QueryOptions,
}

impl AgentService {
    /// Watches the instance with this id.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            options: QueryOptions::default(),
        }
    }

    /// Returns the id of the instance.
    pub fn id(&self) -> &str {
        &self.id
    }

    option_setters!(namespace, partition, token, wait, limits);
}

impl ConsulQuery for AgentService {
    fn options(&self) -> &QueryOptions {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        self.options
            .describe(WatchPath::new("agent_service", &*self.id))
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let client = client.clone();
        let path = segment("a service's id", &self.id).map(|id| format!("/v1/agent/service/{id}"));
        let (options, id) = (self.options.clone(), self.id.clone());
        Box::pin(async move {
            let query = options.apply(QueryRequest::new(path?));
            let previous = request.previous.as_deref();
            if previous == Some(&None) && request.cursor != Cursor::Start {
                tokio::time::sleep(GONE).await;
            }
            let (found, position) = match client
                .blocking_query(&query.with_cursor(request.cursor.clone()))
                .await
            {
                Ok(answer) => {
                    let instance: ServiceInstance = answer.json().map_err(failure)?;
                    let found = &instance.id;
                    check(&answer, *found == id, found, "the requested instance")
                        .map_err(failure)?;
                    let hash = answer
                        .content_hash
                        .unwrap_or_else(|| instance.content_hash.clone());
                    // Without one the agent answers at once, and the throttle sets the pace.
                    let hash = if is_usable(&hash) {
                        hash
                    } else {
                        String::new()
                    };
                    (Some(Arc::new(instance)), Position::Hash(hash))
                }
                // Without the old hash: for an unchanged instance that returns, the agent would hold the query.
                Err(error) if is_gone(&error) => (None, Position::Opaque(0)),
                Err(error) => return Err(failure(error)),
            };
            let outcome = changed(found, previous);
            Ok(QueryResponse {
                position,
                outcome,
                last_contact: None,
            })
        })
    }
}

impl_query!(AgentService => Option<Arc<ServiceInstance>>);

/// Returns whether a hash can be sent back: Consul's have 16 digits, and a URL has room for no more than some thousand
/// characters.
fn is_usable(hash: &str) -> bool {
    hash.len() <= MAX_HASH && hash.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns whether the agent itself reports that it has no such instance: see [`absence::of_agent_service`].
fn is_gone(error: &ClientError) -> bool {
    let ClientError::Status {
        status,
        text,
        from_consul,
        ..
    } = error
    else {
        return false;
    };
    absence::of_agent_service(*status, *from_consul, text).is_proven()
}
