//! Watches of checks: of one service, in one state, or all.

use std::sync::Arc;

use consul_watch_actors::{Request, WatchPath};

use super::{
    asked_entries::{check, check_service},
    consul_query::{Answering, ConsulQuery, impl_query},
    list_query::{ListParams, list_checked, list_param_setters},
    query_options::{QueryOptions, option_setters},
    url_segment::segment,
};
use crate::{
    client::{ConsulClient, QueryAnswer, QueryRequest},
    model::{CheckStatus, HealthCheck},
};

/// Watches checks: Consul's watch type `checks`
/// (<https://developer.hashicorp.com/consul/api-docs/health#list-checks-for-service>,
/// <https://developer.hashicorp.com/consul/api-docs/health#list-checks-in-state>).
///
/// By default every field of a check counts, even its output. The projection [`HealthCheck::health`] reduces
/// a check to its status; [`transition`](crate::model::Transitions::transition) interprets a change of it.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{
///     Changed, Checks, ConsulConfig, Watch, WatchSupervisor,
///     model::{HealthCheck, Transitions},
/// };
///
/// struct Pager;
/// impl Actor for Pager { type Context = Context<Self>; }
/// impl Handler<Changed<Checks>> for Pager {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<Checks>, _: &mut Self::Context) {
///         for change in changed.changes() {
///             if let Some(transition) = change.transition().filter(|step| step.is_worse()) {
///                 println!("{}: {transition}", change.item().check_id);
///             }
///         }
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
/// watches.send(Watch::new(Checks::of_service("web"), Pager.start()).project(HealthCheck::health)).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checks {
    scope: Scope,
    list_params: ListParams,
    options: QueryOptions,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    Any,
    Service(String),
    State(CheckStatus),
}

impl Checks {
    /// Watches all checks.
    pub fn any() -> Self {
        Self::scope(Scope::Any)
    }

    /// Watches the checks of a service's instances, without those of their nodes.
    pub fn of_service(name: impl Into<String>) -> Self {
        Self::scope(Scope::Service(name.into()))
    }

    /// Watches the checks in this state. A check that enters another state is removed. No check is in
    /// [`Maintenance`](CheckStatus::Maintenance) or in a state that Consul does not know.
    pub fn in_state(state: CheckStatus) -> Self {
        Self::scope(Scope::State(state))
    }

    fn scope(scope: Scope) -> Self {
        Self {
            scope,
            list_params: ListParams::default(),
            options: QueryOptions::default(),
        }
    }

    list_param_setters!(filter, near, node_meta);
    option_setters!();
    option_setters!(without_hidden);
}

impl ConsulQuery for Checks {
    fn service_name(&self) -> Option<&str> {
        match &self.scope {
            Scope::Service(name) => Some(name),
            Scope::Any | Scope::State(_) => None,
        }
    }

    fn options(&self) -> &QueryOptions {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        let path = match &self.scope {
            Scope::Any => WatchPath::new("checks", ""),
            Scope::Service(name) => WatchPath::new("checks", &**name),
            Scope::State(state) => {
                WatchPath::new("checks", "").option(format_args!("state={state}"))
            }
        };
        self.options.describe(self.list_params.describe(path))
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let path = match &self.scope {
            Scope::Any => Ok("/v1/health/state/any".to_owned()),
            Scope::Service(name) => {
                segment("a service", name).map(|name| format!("/v1/health/checks/{name}"))
            }
            Scope::State(state) => segment("a check's state", state.as_str())
                .map(|state| format!("/v1/health/state/{state}")),
        };
        let query = path.map(|path| {
            let query = self.list_params.apply(QueryRequest::new(path));
            self.options.apply(query)
        });
        let scope = self.scope.clone();
        let check = move |answer: &QueryAnswer, entry: &HealthCheck| match &scope {
            Scope::Any => Ok(()),
            Scope::Service(name) => check_service(answer, name, &entry.service_name),
            Scope::State(state) => {
                let found = &entry.status;
                check(
                    answer,
                    found == state,
                    found.as_str(),
                    "the requested state",
                )
            }
        };
        list_checked(self, client, query, &self.list_params, request, check)
    }
}

impl_query!(Checks => Vec<Arc<HealthCheck>>);

#[cfg(test)]
mod tests {
    use consul_watch_actors::Query as _;

    use super::*;

    #[test]
    fn each_is_a_watch_of_its_own() {
        assert_eq!(Checks::any().path().to_string(), "checks");
        assert_eq!(Checks::of_service("web").path().to_string(), "checks:web");
        assert_eq!(
            Checks::in_state(CheckStatus::Critical).path().to_string(),
            "checks?state=critical"
        );
    }
}
