//! The message that starts a watch or joins one.

use std::{fmt, sync::Arc, time::Duration};

use actix::Message;

use crate::{
    caught::discard,
    messages::{
        changed::Changed, event::WatchEvent, quiescence::Quiescence, subscriber::Subscriber,
        subscription_id::SubscriptionId,
    },
    query::{Query, path::WatchPath, watch_key::WatchKey},
    value::{
        change::Change,
        snapshot::{Item, Snapshot},
        view::View,
    },
};

/// Decides whether a first state counts as seen.
pub(crate) type SkipFirst<S> = Arc<dyn Fn(&S) -> bool + Send + Sync>;

/// Learns of a state that was not delivered, and of its index.
pub(crate) type OnSkipped<S> = Arc<dyn Fn(&Arc<S>, u64) + Send + Sync>;

/// Subscribes an actor to a query's value.
///
/// The first subscriber of a query starts its watcher; further ones join it and receive the latest value at once.
/// The reply is the subscription's id.
#[derive(Debug)]
pub struct Watch<Q: Query> {
    pub(crate) query: Arc<Q>,
    /// The key and the path are made with the message and not on the supervisor's thread, since a query's code may
    /// panic.
    pub(crate) key: WatchKey,
    pub(crate) path: WatchPath,
    pub(crate) subscriber: Subscriber<Changed<Q>>,
    pub(crate) observer: Option<Subscriber<WatchEvent>>,
    pub(crate) options: SubscribeOptions<Q::Value>,
}

/// The options of a subscription.
pub(crate) struct SubscribeOptions<S: Snapshot> {
    pub(crate) skip_first: Option<SkipFirst<S>>,
    pub(crate) on_skipped: Option<OnSkipped<S>>,
    /// `None` stands for the default view.
    pub(crate) view: Option<Arc<View<S::Item>>>,
    pub(crate) quiescence: Option<Box<Quiescence>>,
}

impl<S: Snapshot> Clone for SubscribeOptions<S> {
    fn clone(&self) -> Self {
        Self {
            skip_first: self.skip_first.clone(),
            on_skipped: self.on_skipped.clone(),
            view: self.view.clone(),
            quiescence: self.quiescence.clone(),
        }
    }
}

/// The closures hold values of an application, which are dropped on the supervisor's thread too.
impl<S: Snapshot> Drop for SubscribeOptions<S> {
    fn drop(&mut self) {
        discard(self.skip_first.take());
        discard(self.on_skipped.take());
        discard(self.view.take());
    }
}

impl<S: Snapshot> fmt::Debug for SubscribeOptions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscribeOptions")
            .field("skips_first", &self.skip_first.is_some())
            .field("view", &self.view)
            .field("quiescence", &self.quiescence)
            .finish()
    }
}

impl<Q: Query> Watch<Q> {
    /// Sends every change of `query`'s value to `subscriber`, beginning with the current state.
    ///
    /// The watch keeps the actor of an `Addr` or a `Recipient` alive, but not that of a `WeakAddr` or a
    /// `WeakRecipient`.
    pub fn new(query: Q, subscriber: impl Into<Subscriber<Changed<Q>>>) -> Self {
        let options = SubscribeOptions {
            skip_first: None,
            on_skipped: None,
            view: None,
            quiescence: None,
        };
        let (path, query) = (query.path(), Arc::new(query));
        Self {
            key: WatchKey::shared(&query),
            path,
            query,
            subscriber: subscriber.into(),
            observer: None,
            options,
        }
    }

    /// Does not send the current state: the first update is the first change after it.
    #[must_use]
    pub fn changes_only(self) -> Self {
        self.skip_first_when(|_| true)
    }

    /// Does not send the first state if `seen` returns true for it, for instance because an earlier run of the
    /// application handled it. The first update is then the first change after it.
    ///
    /// Where `seen` panics, the first state is sent, and observers receive
    /// [`EventKind::SubscriberPanicked`](crate::EventKind::SubscriberPanicked).
    #[must_use]
    pub fn skip_first_when(
        mut self,
        seen: impl Fn(&Q::Value) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.options.skip_first = Some(Arc::new(seen));
        self
    }

    /// Calls `skipped` with each later state that is not delivered, and its index: one that differs from
    /// the last only in what this subscriber's [`View`] leaves out, or one that a later change undid.
    ///
    /// It is called on the watcher's thread and must not block. It is dropped with the subscription.
    #[must_use]
    pub fn on_skipped(
        mut self,
        skipped: impl Fn(&Arc<Q::Value>, u64) + Send + Sync + 'static,
    ) -> Self {
        self.options.on_skipped = Some(Arc::new(skipped));
        self
    }

    /// Compares and filters the value by this [`View`].
    #[must_use]
    pub fn view(mut self, view: View<<Q::Value as Snapshot>::Item>) -> Self {
        self.options.view = Some(Arc::new(view));
        self
    }

    /// Sends an update only where `part` of an entry differs.
    #[must_use]
    pub fn project<P: PartialEq>(
        self,
        part: impl Fn(&<Q::Value as Snapshot>::Item) -> P + Send + Sync + 'static,
    ) -> Self
    where
        <Q::Value as Snapshot>::Item: Item,
    {
        let view = self
            .options
            .view
            .as_deref()
            .cloned()
            .unwrap_or_default()
            .project(part);
        self.view(view)
    }

    /// Sends an update only for changes for which `wanted` returns true.
    #[must_use]
    pub fn only(
        self,
        wanted: impl Fn(&Change<<Q::Value as Snapshot>::Item>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let view = self
            .options
            .view
            .as_deref()
            .cloned()
            .unwrap_or_default()
            .only(wanted);
        self.view(view)
    }

    /// Debounces updates: a change is delivered after this long without another one, and after four times as long
    /// at most. The first value never waits. Off by default.
    #[must_use]
    pub fn quiet(self, period: Duration) -> Self {
        self.quiescence(Quiescence::new(period))
    }

    /// Debounces updates by these settings.
    #[must_use]
    pub fn quiescence(mut self, quiescence: Quiescence) -> Self {
        self.options.quiescence = Some(Box::new(quiescence));
        self
    }

    /// Sends the events of the watch itself to `observer`: its states, its end, a value that could not be read. It
    /// ends with the watch. See [`Observe`](crate::Observe) for all watches at once.
    #[must_use]
    pub fn observer(mut self, observer: impl Into<Subscriber<WatchEvent>>) -> Self {
        self.observer = Some(observer.into());
        self
    }
}

/// The result is the subscription's id, or the reason for which there is none.
impl<Q: Query> Message for Watch<Q> {
    type Result = Result<SubscriptionId, WatchError>;
}

/// The reason for which a [`Watch`] was refused.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The same actor is subscribed to the same query already, by this subscription.
    #[error(
        "this actor is watching {path} already (subscription {subscription}): stop that one first"
    )]
    AlreadyWatching {
        /// The watch.
        path: WatchPath,
        /// The subscription it has.
        subscription: SubscriptionId,
    },
    /// The subscriber's actor is not running.
    #[error("the actor that was to watch {path} is not running: start it before `Watch` is sent")]
    SubscriberGone {
        /// The watch.
        path: WatchPath,
    },
}
