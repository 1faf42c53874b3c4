//! A subscriber and its options, and the message that adds it to a watch.

use std::sync::Arc;

use actix::Message;

use crate::{
    messages::{
        changed::Changed, subscriber::Subscriber, subscription_id::SubscriptionId,
        watch::SubscribeOptions,
    },
    query::Query,
};

/// Takes a subscriber on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Subscribe<Q: Query> {
    pub(crate) id: SubscriptionId,
    /// Shared with the supervisor, which promises it again to the watcher that comes after.
    pub(crate) registration: Arc<Registration<Q>>,
}

/// A subscriber, and how it wants its updates.
#[derive(Debug)]
pub(crate) struct Registration<Q: Query> {
    pub(crate) subscriber: Subscriber<Changed<Q>>,
    pub(crate) options: SubscribeOptions<Q::Value>,
}
