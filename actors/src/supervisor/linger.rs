//! The time for which a watch outlives the actor of its last subscriber.

use std::time::Duration;

use actix::prelude::*;

use crate::{
    messages::{
        event::{EndReason, EventKind},
        subscription_id::SubscriptionId,
    },
    query::{Source, watch_key::WatchKey},
    supervisor::WatchSupervisor,
};

impl<S: Source> WatchSupervisor<S> {
    /// The time for which a watch outlives the actor of its last subscriber: 2 s.
    pub const DEFAULT_LINGER: Duration = Duration::from_secs(2);

    /// Sets the time for which a watch continues without subscribers when the actor of the last one is gone (default
    /// 2 s). An actor that is started in its place within that time finds the value and the query in flight, where a
    /// server might hold the old query beside a new one. [`Stop`](crate::Stop) ends a watch at once. With zero, so
    /// does the end of the last actor.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = linger;
        self
    }

    /// Ends the subscription of an actor that is gone, and reports that.
    pub(super) fn subscriber_gone(
        &mut self,
        subscription: SubscriptionId,
        reason: EndReason,
        ctx: &mut Context<Self>,
    ) {
        let id = subscription;
        let Some(key) = self.subscriptions.get(&id).cloned() else {
            // Both the watcher and the supervisor found it gone, or it was stopped meanwhile.
            return;
        };
        if let Some(entry) = self.entries.get(&key) {
            let path = entry.path.clone();
            // An actor may have been subscribed to thousands of watches.
            if entry
                .handle
                .actor(id)
                .is_none_or(|actor| self.gone_actors.insert(actor))
            {
                tracing::warn!(
                    %path, %subscription, %reason,
                    "an actor is gone that had not sent `Stop`: its subscriptions end"
                );
            }
            let kind = EventKind::SubscriptionEnded {
                subscription,
                reason,
            };
            self.notify(&key, &path, &kind);
        }
        if let Some(last_reported) = self.begin_lingering(id, ctx) {
            ctx.spawn(last_reported.into_actor(self));
        } else if let Some((.., ended)) = self.unsubscribe(id) {
            ctx.spawn(ended.into_actor(self));
        }
    }

    /// Ends the last subscription and keeps its watch for a while.
    fn begin_lingering(
        &mut self,
        id: SubscriptionId,
        ctx: &mut Context<Self>,
    ) -> Option<impl Future<Output = ()> + use<S>> {
        let linger = self.settings.linger;
        let key = self.subscriptions.get(&id)?.clone();
        let entry = self
            .entries
            .get_mut(&key)
            .filter(|entry| entry.handle.count() == 1 && !linger.is_zero())?;
        tracing::debug!(path = %entry.path, linger_s = linger.as_secs_f64(), "the last subscriber is gone, its watch lingers");
        let actor = entry.handle.actor(id);
        let last_reported = entry.handle.remove(id);
        entry.cell.write().status.subscribers = 0;
        self.subscriptions.remove(&id);
        // A subscriber that is its own observer is gone too.
        self.observers
            .retain(|observer| !actor.is_some_and(|actor| observer.came_with(&key, actor)));
        let number = self.number();
        self.lingering.insert(key.clone(), number);
        ctx.run_later(linger, move |supervisor, ctx| {
            supervisor.end_lingering(&key, number, ctx);
        });
        Some(last_reported)
    }

    /// Ends the watch if no actor has subscribed meanwhile.
    fn end_lingering(&mut self, key: &WatchKey, number: u64, ctx: &mut Context<Self>) {
        // Another subscriber may have come and gone, which began another time.
        if self.lingering.get(key) != Some(&number) {
            return;
        }
        self.lingering.remove(key);
        if self
            .entries
            .get(key)
            .is_some_and(|entry| entry.handle.count() == 0 && !self.shared.contains_key(key))
            && let Some((_, ended)) = self.remove(key)
        {
            ctx.spawn(ended.into_actor(self));
            self.send_events(ctx);
        }
    }
}
