//! Watches of the instances of all services as one value.

use std::sync::Arc;

use consul_watch_actors::{Derived, Evaluation, Input, Inputs, Outcome, Query, WatchPath};

use super::{
    query_options::{QueryOptions, option_setters},
    service::Service,
    services::Services,
};
use crate::{client::ConsulConfig, model::ServiceEntry};

/// Watches the healthy instances of all services as one value. It is derived from [`Services`] and one
/// [`Service`] for each of them; these watches start and end with the services.
///
/// The value is the list of instances, service by service. The first value follows the first answers for all
/// services. A service that appears later is added with its first answer.
///
/// Each service is a watch of its own in [`Status`](crate::Status). Beyond the connection budget
/// ([`ConsulConfig::with_max_watch_connections`]) these watches poll at intervals.
///
/// ```no_run
/// # use actix::prelude::*;
/// use consul_watch::{Changed, ServiceCatalog, Watch};
///
/// # struct Mesh;
/// # impl Actor for Mesh { type Context = Context<Self>; }
/// impl Handler<Changed<ServiceCatalog>> for Mesh {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<ServiceCatalog>, _: &mut Self::Context) {
///         println!("{} healthy instances", changed.current.len());
///     }
/// }
/// # async fn example(watches: Addr<consul_watch::WatchSupervisor>) -> Result<(), Box<dyn std::error::Error>> {
/// watches.send(Watch::new(ServiceCatalog::new().named("web-*"), Mesh.start())).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ServiceCatalog {
    globs: Vec<String>,
    failing_too: bool,
    options: QueryOptions,
}

impl ServiceCatalog {
    /// Watches the healthy instances of all services.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps only services whose names match this glob (`*` any text, `?` one character, `[a-z]`,
    /// `{a,b}`). With several globs, one match is enough. Default: all.
    #[must_use]
    pub fn named(mut self, glob: impl Into<String>) -> Self {
        self.globs.push(glob.into());
        self
    }

    /// Includes instances with failing checks. Default: only instances whose checks all pass.
    #[must_use]
    pub fn include_failing(mut self) -> Self {
        self.failing_too = true;
        self
    }

    option_setters!();
    option_setters!(without_hidden);

    fn services(&self) -> Services {
        Services::with(self.options.clone())
    }

    fn service(&self, name: &str) -> Service {
        let service = Service::with(name, self.options.clone());
        if self.failing_too {
            service
        } else {
            service.passing_only()
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.globs.is_empty()
            || self
                .globs
                .iter()
                .any(|glob| fast_glob::glob_match(glob, name))
    }

    /// Returns the services, once they are known.
    fn members(&self, known: &Inputs) -> Option<Vec<Service>> {
        let list = known.get(&self.services())?;
        let names = list
            .iter()
            .map(|service| &*service.name)
            .filter(|name| self.wants(name));
        Some(names.map(|name| self.service(name)).collect())
    }
}

impl Query for ServiceCatalog {
    type Source = ConsulConfig;
    type Value = Vec<Arc<ServiceEntry>>;

    fn path(&self) -> WatchPath {
        let path = WatchPath::new("servicecatalog", self.globs.join(","));
        self.options.describe(if self.failing_too {
            path.option("failing")
        } else {
            path
        })
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Derived(self)
    }
}

impl Derived for ServiceCatalog {
    fn inputs(&self, known: &Inputs) -> Vec<Input<Self>> {
        let services = self.members(known).unwrap_or_default();
        std::iter::once(Input::of(self.services()))
            .chain(services.into_iter().map(Input::of))
            .collect()
    }

    fn compute(
        &self,
        known: &Inputs,
        previous: Option<&Vec<Arc<ServiceEntry>>>,
    ) -> Option<Outcome<Vec<Arc<ServiceEntry>>>> {
        let mut entries = Vec::with_capacity(previous.map_or(0, Vec::len));
        for service in self.members(known)? {
            match known.get(&service) {
                Some(instances) => entries.extend(instances.iter().cloned()),
                // Only the first value waits for all services.
                None if previous.is_none() => return None,
                None => {}
            }
        }
        Some(Outcome::Value(entries))
    }
}
