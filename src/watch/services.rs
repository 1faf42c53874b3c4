//! All services of a datacenter.

use std::{sync::Arc, time::Duration};

use consul_watch_actors::{Answer, Failure, Outcome, Query, Request, WatchPath};
use futures_util::future::LocalBoxFuture;

use super::{
    catalog::{Narrowing, ask, narrowing_setters, seen, shared},
    options::{Options, option_setters},
    source::{by_index, failure},
};
use crate::{
    client::{ConsulClient, ConsulConfig, QueryRequest},
    model::ServiceList,
};

/// Watches the names and tags of all services (Consul's watch type `services`; "Catalog HTTP API", "List
/// Services").
///
/// A service is there while an instance of it is registered, whatever its health. Its tags are those of all
/// its instances; another order of them is no change.
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
/// Consul 1.8 does not look at a filter here and answers all services; later ones do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Services {
    narrowing: Narrowing,
    options: Options,
}

impl Services {
    /// All services.
    pub fn new() -> Self {
        Self::default()
    }

    /// All services, asked for like this.
    pub(super) fn with(options: Options) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    narrowing_setters!(filter, node_meta, peer);
    option_setters!();
}

impl Query for Services {
    type Source = ConsulConfig;
    type Value = ServiceList;

    fn path(&self) -> WatchPath {
        self.options
            .describe(self.narrowing.describe(WatchPath::new("services", "")))
    }

    fn hold(&self, config: &ConsulConfig) -> Duration {
        self.options.hold(config)
    }

    fn run(
        &self,
        client: &ConsulClient,
        request: Request<ServiceList>,
    ) -> LocalBoxFuture<'static, Result<Answer<ServiceList>, Failure>> {
        let client = client.clone();
        let query = self.options.apply(
            self.narrowing
                .apply(QueryRequest::new("/v1/catalog/services")),
        );
        Box::pin(async move {
            let answer = ask(&client, query, &request).await?;
            let ServiceList(list) = answer.json().map_err(failure)?;
            seen(&answer, list.is_empty())?;
            let previous: Option<&[Arc<_>]> = request.previous.as_deref().map(|list| &**list);
            let (list, same) = shared(list, previous);
            Ok(by_index(
                &answer,
                if same {
                    Outcome::Unchanged
                } else {
                    Outcome::Value(ServiceList(list))
                },
            ))
        })
    }
}
