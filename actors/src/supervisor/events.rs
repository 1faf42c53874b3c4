//! Events for observers.

use actix::prelude::*;

use crate::{
    messages::{event::EventKind, selection::Selection},
    query::{Source, path::WatchPath, watch_key::WatchKey},
    supervisor::WatchSupervisor,
};

impl<S: Source> WatchSupervisor<S> {
    /// Queues an event for every observer that wants it.
    pub(super) fn notify(&mut self, key: &WatchKey, path: &WatchPath, kind: &EventKind) {
        for observer in &mut self.observers {
            let wanted = match &observer.selection {
                Selection::All => true,
                Selection::Paths(names) => names.iter().any(|name| path.matches_name(name)),
                Selection::Query(id) => id.key == *key,
                Selection::Subscription(id) => self.subscriptions.get(id) == Some(key),
            };
            if wanted {
                observer.notify(key, path, kind.clone());
            }
        }
    }

    /// Sends observers the next of the events that are queued for them.
    pub(super) fn send_events(&mut self, ctx: &mut Context<Self>) {
        self.observers.retain(|observer| !observer.is_done());
        let requests: Vec<_> = self
            .observers
            .iter_mut()
            .filter_map(|observer| Some((observer.id, observer.send()?)))
            .collect();
        self.events_in_flight += requests.len();
        for (id, request) in requests {
            ctx.spawn(request.into_actor(self).map(move |_, supervisor, ctx| {
                supervisor.events_in_flight -= 1;
                if let Some(observer) = supervisor
                    .observers
                    .iter_mut()
                    .find(|observer| observer.id == id)
                {
                    observer.handled();
                }
                supervisor.send_events(ctx);
                supervisor.stop_if_idle(ctx);
            }));
        }
    }
}
