//! Watches of user events.

use std::sync::Arc;

use consul_watch_actors::{Position, QueryResponse, Request, WatchPath};

use super::{
    asked_entries::check,
    consul_query::{Answering, ConsulQuery, changed, impl_query},
    query_options::{QueryOptions, option_setters},
    source::failure,
    unreadable::{Readable, read_list},
};
use crate::{
    client::{ConsulClient, QueryRequest},
    model::{EventLog, UserEvent},
};

/// Watches user events as the agent receives them: Consul's watch type `event`
/// (<https://developer.hashicorp.com/consul/api-docs/event#list-events>).
///
/// [`changes`] are the new events, each once, whatever the agent forgets or receives again, and across its
/// restarts. There are no other changes. The first delivery holds all events that the agent keeps (at most
/// 256); a subscriber that joins a running watch also receives those that the watch has seen before. Use
/// [`changes_only`] to receive later events only.
///
/// Consul guarantees neither the delivery of events nor their order. The datacenter and the namespace of the
/// configuration have no effect: an agent lists its own events.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{Changed, ConsulConfig, Event, Watch, WatchSupervisor};
///
/// struct Deployer;
/// impl Actor for Deployer { type Context = Context<Self>; }
/// impl Handler<Changed<Event>> for Deployer {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<Event>, _: &mut Self::Context) {
///         for change in changed.changes() {
///             println!("deploy {}", change.item().payload.as_str().unwrap_or("nothing"));
///         }
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
/// watches.send(Watch::new(Event::named("deploy"), Deployer.start()).changes_only()).await??;
/// # Ok(())
/// # }
/// ```
///
/// [`changes`]: crate::Changed::changes
/// [`changes_only`]: crate::Watch::changes_only
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    name: Option<String>,
    options: QueryOptions,
}

impl Event {
    /// Watches all events.
    pub fn any() -> Self {
        Self {
            name: None,
            options: QueryOptions::default(),
        }
    }

    /// Watches the events with this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            options: QueryOptions::default(),
        }
    }

    option_setters!(token, wait, limits);
}

impl ConsulQuery for Event {
    fn options(&self) -> &QueryOptions {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        self.options.describe(WatchPath::new(
            "event",
            self.name.clone().unwrap_or_default(),
        ))
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let (client, path) = (client.clone(), self.watch_path());
        let name = self.name.clone();
        let mut query = self.options.apply(QueryRequest::new("/v1/event/list"));
        if let Some(name) = &self.name {
            query = query.with_param("name", name);
        }
        Box::pin(async move {
            let query = query.with_cursor(request.cursor.clone());
            let answer = client.blocking_query(&query).await.map_err(failure)?;
            let Readable { list, unreadable } =
                read_list::<UserEvent>(&answer, &[]).map_err(failure)?;
            if let Some(name) = &name {
                for event in &list {
                    check(
                        &answer,
                        event.name == *name,
                        &event.name,
                        "the requested event",
                    )
                    .map_err(failure)?;
                }
            }
            unreadable.report(&client, &path);
            let events = list.into_iter().filter_map(Arc::into_inner).collect();
            let previous = request.previous.as_deref();
            let is_first = previous.is_none();
            if answer.meta.results_filtered_by_acls && is_first {
                tracing::warn!(
                    %path,
                    "the token hides events; give it `event:read` for them"
                );
            }
            let log = EventLog::next(previous, events);
            Ok(QueryResponse {
                // Derived from the id of the newest event, so it has no order.
                position: Position::Opaque(answer.index.unwrap_or(0)),
                outcome: changed(log, previous),
                last_contact: answer.meta.last_contact,
            })
        })
    }
}

impl_query!(Event => EventLog);
