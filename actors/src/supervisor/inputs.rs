//! Watches the inputs of derived queries.

use std::{
    any::Any,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use actix::{Recipient, WeakAddr, WeakRecipient};
use futures_util::FutureExt;

use crate::{
    messages::{
        changed::{Changed, Reason},
        subscriber::{Receive, Reply, Subscriber},
        watch::{Watch, WatchError},
    },
    query::{
        Query, Source,
        derived::{ErasedQuery, InputChanged},
        path::WatchPath,
        watch_key::WatchKey,
    },
    subscription::input::WatchInput,
    supervisor::WatchSupervisor,
    value::{
        snapshot::{Item as _, Snapshot},
        view::View,
    },
};

type Item<Q> = <<Q as Query>::Value as Snapshot>::Item;

impl<S: Source, I: Query<Source = S>> ErasedQuery<S> for I {
    fn erased_path(&self) -> WatchPath {
        self.path()
    }

    fn watch_input(&self, request: &mut dyn Any) {
        let Some(request) = request.downcast_mut::<WatchInput>() else {
            return;
        };
        let address = request
            .supervisor
            .downcast_ref::<WeakAddr<WatchSupervisor<S>>>();
        let supervisor = address.and_then(WeakAddr::upgrade);
        let reply = supervisor.map(|supervisor| {
            let subscriber = Subscriber::received_by(InputSubscriber {
                input: WatchKey::of(self),
                subscriber: request.subscriber.clone(),
            });
            // A derived value holds what its inputs hold, the mark of a hidden entry included.
            let view = View::default().with_equality(|a: &Item<I>, b| {
                a.content_eq(b) && a.hidden_since() == b.hidden_since()
            });
            let watch = Watch::new(self.clone(), subscriber).view(view);
            supervisor.send(watch.observer(request.observer.clone()))
        });
        let subscription = async move {
            match reply?.await {
                Ok(Ok(id)) => Some(id),
                // It was watched before, and the notice of an earlier end came late.
                Ok(Err(WatchError::AlreadyWatching { subscription, .. })) => Some(subscription),
                Ok(Err(_)) | Err(_) => None,
            }
        };
        request.pending = Some(subscription.boxed_local().shared());
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
        let subscriber = self.subscriber.upgrade().filter(Recipient::connected)?;
        Some(Box::pin(subscriber.send(InputChanged {
            input: self.input.clone(),
            value: Arc::clone(&changed.current) as Arc<dyn Any + Send + Sync>,
            index: changed.index,
            resync: changed.reason == Reason::Resync,
            unproven: changed.unproven,
        })))
    }

    fn is_connected(&self) -> bool {
        self.subscriber.upgrade().is_some_and(|it| it.connected())
    }

    fn identity(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        let subscriber = self.subscriber.upgrade().filter(Recipient::connected)?;
        subscriber.hash(&mut hasher);
        Some(hasher.finish())
    }
}
