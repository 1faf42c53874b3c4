//! The subscription of a derived query's watcher to one of its inputs.

use std::{any::Any, sync::Arc};

use actix::WeakRecipient;
use futures_util::future::{LocalBoxFuture, Shared};

use crate::{
    messages::{event::WatchEvent, subscription_id::SubscriptionId},
    query::derived::InputChanged,
};

/// The subscription to an input, as soon as the supervisor has replied; `None` if there is none.
pub(crate) type PendingSubscription = Shared<LocalBoxFuture<'static, Option<SubscriptionId>>>;

/// The argument of [`Input::watch`](crate::query::derived::Input::watch).
pub(crate) struct WatchInput {
    /// The supervisor's address, by the type that it knows.
    pub(crate) supervisor: Arc<dyn Any + Send + Sync>,
    pub(crate) subscriber: WeakRecipient<InputChanged>,
    pub(crate) observer: WeakRecipient<WatchEvent>,
    pub(crate) pending: Option<PendingSubscription>,
}
