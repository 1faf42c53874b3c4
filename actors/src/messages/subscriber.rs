//! The address that updates go to.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::Arc,
};

use actix::{
    Actor, Addr, Handler, MailboxError, Message, Recipient, WeakAddr, WeakRecipient,
    dev::{RecipientRequest, ToEnvelope},
};

/// The reply to one update. Dropping it takes the update back, unless its handler has begun.
pub(crate) type Reply = Pin<Box<dyn Future<Output = Result<(), MailboxError>> + Send>>;

/// Where updates go: an actor's recipient, held so that it keeps the actor alive or not.
///
/// Made by `into()` from an [`Addr`] or a [`Recipient`] (the watch keeps the actor alive) and from a
/// [`WeakAddr`] or a [`WeakRecipient`] (it does not: the subscription ends when nobody else holds the
/// actor).
#[derive(Debug)]
pub struct Subscriber<M>
where
    M: Message + Send,
    M::Result: Send,
{
    kind: SubscriberKind<M>,
    /// The subscriber that this one receives for, if it is not its own.
    principal: Option<Box<Self>>,
}

#[derive(Debug)]
enum SubscriberKind<M>
where
    M: Message + Send,
    M::Result: Send,
{
    Strong(Recipient<M>),
    Weak(WeakRecipient<M>),
    Adapted(Arc<dyn Receive<M>>),
}

/// A receiver of updates that is no actor for `M` itself.
pub(crate) trait Receive<M>: fmt::Debug + Send + Sync {
    /// Sends an update, to be kept in flight; `None` when the receiver is gone.
    fn deliver(&self, message: M) -> Option<Reply>;

    fn is_connected(&self) -> bool;

    /// As [`Subscriber::identity`].
    fn identity(&self) -> Option<u64>;
}

impl<M> Subscriber<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn new(kind: SubscriberKind<M>) -> Self {
        Self {
            kind,
            principal: None,
        }
    }

    /// A subscriber whose updates go to this receiver.
    pub(crate) fn received_by(receiver: impl Receive<M> + 'static) -> Self {
        Self::new(SubscriberKind::Adapted(Arc::new(receiver)))
    }

    /// Receives on behalf of `principal`, to whom the receiving actor forwards the updates.
    ///
    /// The two count as one actor: neither may subscribe to a query that the other is subscribed to
    /// ([`WatchError::AlreadyWatching`](crate::WatchError::AlreadyWatching)), and the subscription ends when
    /// either of them is gone.
    #[must_use]
    pub fn on_behalf_of(mut self, principal: Self) -> Self {
        self.principal = Some(Box::new(principal));
        self
    }

    /// The recipient, if its actor is alive.
    pub(crate) fn recipient(&self) -> Option<Recipient<M>> {
        let recipient = match &self.kind {
            SubscriberKind::Strong(recipient) => recipient.clone(),
            SubscriberKind::Weak(weak) => weak.upgrade()?,
            SubscriberKind::Adapted(_) => return None,
        };
        // A weak recipient upgrades even after its actor is gone.
        recipient.connected().then_some(recipient)
    }

    /// Whether its actor is alive, and the one it receives for.
    pub fn is_connected(&self) -> bool {
        let connected = match &self.kind {
            SubscriberKind::Strong(recipient) => recipient.connected(),
            SubscriberKind::Weak(_) => self.recipient().is_some(),
            SubscriberKind::Adapted(receiver) => receiver.is_connected(),
        };
        connected && self.principal.as_ref().is_none_or(|it| it.is_connected())
    }

    /// Sends a message that is answered; `None` when the actor is gone.
    pub fn send(&self, message: M) -> Option<RecipientRequest<M>> {
        match &self.kind {
            SubscriberKind::Strong(recipient) => {
                recipient.connected().then(|| recipient.send(message))
            }
            SubscriberKind::Weak(_) => Some(self.recipient()?.send(message)),
            // The engine makes these for itself, and delivers to them.
            SubscriberKind::Adapted(_) => None,
        }
    }

    /// Sends an update, to be kept in flight; `None` when the actor is gone.
    pub(crate) fn deliver(&self, message: M) -> Option<Reply>
    where
        M: Message<Result = ()> + 'static,
    {
        match &self.kind {
            SubscriberKind::Adapted(receiver) => receiver.deliver(message),
            _ => Some(Box::pin(self.send(message)?)),
        }
    }

    /// A number that no other living actor has; `None` when the actor is gone.
    ///
    /// It is made of the mailbox's address, which is not given to another while this subscriber, even
    /// a weak one, is held.
    pub(crate) fn identity(&self) -> Option<u64> {
        if let Some(principal) = &self.principal {
            return principal.identity();
        }
        if let SubscriberKind::Adapted(receiver) = &self.kind {
            return receiver.identity();
        }
        let mut hasher = DefaultHasher::new();
        self.recipient()?.hash(&mut hasher);
        Some(hasher.finish())
    }
}

impl<M> Clone for Subscriber<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn clone(&self) -> Self {
        let kind = match &self.kind {
            SubscriberKind::Strong(recipient) => SubscriberKind::Strong(recipient.clone()),
            SubscriberKind::Weak(recipient) => SubscriberKind::Weak(recipient.clone()),
            SubscriberKind::Adapted(receiver) => SubscriberKind::Adapted(Arc::clone(receiver)),
        };
        Self {
            kind,
            principal: self.principal.clone(),
        }
    }
}

impl<M> From<Recipient<M>> for Subscriber<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn from(recipient: Recipient<M>) -> Self {
        Self::new(SubscriberKind::Strong(recipient))
    }
}

impl<M> From<WeakRecipient<M>> for Subscriber<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn from(recipient: WeakRecipient<M>) -> Self {
        Self::new(SubscriberKind::Weak(recipient))
    }
}

impl<M, A> From<Addr<A>> for Subscriber<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
{
    fn from(address: Addr<A>) -> Self {
        address.recipient().into()
    }
}

impl<M, A> From<WeakAddr<A>> for Subscriber<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
{
    fn from(address: WeakAddr<A>) -> Self {
        address.recipient().into()
    }
}
