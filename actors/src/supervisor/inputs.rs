//! Watches the inputs of derived queries.

use std::{
    any::Any,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use actix::{Addr, WeakRecipient};
use futures_util::FutureExt;

use crate::{
    Changed, Query, Reason, Source, Subscriber, Watch, WatchError, WatchEvent, WatchPath,
    WatchSupervisor,
    derive::{ErasedQuery, InputChanged, PendingSubscription},
    key::WatchKey,
    subscription::{in_flight::Reply, subscriber::Receive},
};

impl<S: Source, I: Query<Source = S>> ErasedQuery<S> for I {
    fn erased_path(&self) -> WatchPath {
        self.path()
    }

    fn watch_input(
        &self,
        supervisor: &dyn Any,
        subscriber: WeakRecipient<InputChanged>,
        observer: WeakRecipient<WatchEvent>,
    ) -> PendingSubscription {
        let supervisor = supervisor.downcast_ref::<Addr<WatchSupervisor<S>>>();
        let request = supervisor.map(|supervisor| {
            let subscriber = Subscriber::received_by(InputSubscriber {
                input: WatchKey::of(self),
                subscriber,
            });
            supervisor.send(Watch::new(self.clone(), subscriber).observer(observer))
        });
        let reply = async move {
            match request?.await {
                Ok(Ok(id)) => Some(id),
                // It was watched before, and the notice of an earlier end came late.
                Ok(Err(WatchError::AlreadyWatching { subscription, .. })) => Some(subscription),
                Ok(Err(_)) | Err(_) => None,
            }
        };
        reply.boxed_local().shared()
    }
}

/// The watcher of a derived query, as a subscriber of one of its inputs.
#[derive(Debug)]
struct InputSubscriber {
    input: WatchKey,
    subscriber: WeakRecipient<InputChanged>,
}

impl<I: Query> Receive<Changed<I>> for InputSubscriber {
    fn deliver(&self, changed: Changed<I>) -> Option<Reply> {
        let subscriber = self.subscriber.upgrade().filter(|it| it.connected())?;
        Some(Box::pin(subscriber.send(InputChanged {
            input: self.input.clone(),
            value: Arc::clone(&changed.current) as Arc<dyn Any + Send + Sync>,
            index: changed.index,
            resync: changed.reason == Reason::Resync,
        })))
    }

    fn is_connected(&self) -> bool {
        self.subscriber.upgrade().is_some_and(|it| it.connected())
    }

    fn identity(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        let subscriber = self.subscriber.upgrade().filter(|it| it.connected())?;
        subscriber.hash(&mut hasher);
        Some(hasher.finish())
    }
}
