//! The message that starts watches afresh which stand still.

use actix::Message;

use crate::messages::subscription_id::SubscriptionId;

/// Starts every watch afresh whose last query failed: one that has stopped, and one that waits for its next attempt,
/// however long (a back-off, or a pause that the server asked for). All others continue untouched.
///
/// Subscribers stay, and receive an update only where a value differs from the one they handled last. The reply comes
/// when the queries of these watches are on their way again: their subscriptions, in order.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Vec<SubscriptionId>")]
pub struct StartAfresh;
