//! Delivers one update to the current handler, for as long as the engine waits for the reply.

use std::{future::poll_fn, sync::Arc, task::Poll};

use actix::{
    dev::{MessageResponse, OneshotSender},
    prelude::*,
};
use consul_watch_actors::Changed;
use tokio::sync::{oneshot, watch};

use crate::handlers::HandlerPayload;

/// The end of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// The handler has acknowledged the update.
    Acknowledged,
    /// The engine no longer waits: the update was taken back from the handler, unless that had begun.
    Retracted,
    /// The handler has ended unexpectedly.
    HandlerEnded,
}

/// A handler that takes updates.
pub(super) struct CurrentHandler<Q: HandlerPayload> {
    pub(super) recipient: Recipient<Changed<Q>>,
    /// The update that was on its way when this handler started, as it stands for those that the handler before has not
    /// handled.
    pub(super) awaited: Option<Changed<Q>>,
}

/// The reply that the engine waits for. Dropped, it makes the engine deliver its latest state again later.
pub(super) struct Reply(Option<OneshotSender<()>>);

/// The response of an actor that replies later.
pub(in crate::daemon::runtime) struct ReplyLater(oneshot::Sender<OneshotSender<()>>);

impl Reply {
    /// Creates a response, and the future of its reply.
    pub(super) fn later() -> (ReplyLater, impl Future<Output = Self>) {
        let (sender, receiver) = oneshot::channel();
        (ReplyLater(sender), async { Self(receiver.await.ok()) })
    }

    /// Returns true if the engine waits for the reply.
    pub(super) fn is_awaited(&self) -> bool {
        self.0.is_some()
    }

    /// Replies that the update has been handled.
    pub(super) fn send(self) {
        // The engine may be gone.
        let _ = self.0.map(|reply| reply.send(()));
    }

    /// Resolves when the engine no longer waits.
    async fn closed(&mut self) {
        poll_fn(|task| match &mut self.0 {
            Some(reply) => reply.poll_closed(task),
            None => Poll::Pending,
        })
        .await;
    }
}

impl<A: Actor, M: Message<Result = ()>> MessageResponse<A, M> for ReplyLater {
    fn handle(self, _: &mut A::Context, reply: Option<OneshotSender<()>>) {
        if let Some(reply) = reply {
            // The actor may be stopping.
            let _ = self.0.send(reply);
        }
    }
}

/// Delivers an update to the handler in `current`, or to the next one while there is none. It becomes the one that was
/// delivered.
pub(super) async fn deliver<Q: HandlerPayload>(
    changed: &mut Changed<Q>,
    current: watch::Receiver<Option<CurrentHandler<Q>>>,
    reply: &mut Reply,
) -> Delivery {
    tokio::select! {
        biased;
        () = reply.closed() => Delivery::Retracted,
        delivery = send(changed, current) => delivery,
    }
}

async fn send<Q: HandlerPayload>(
    changed: &mut Changed<Q>,
    mut current: watch::Receiver<Option<CurrentHandler<Q>>>,
) -> Delivery {
    loop {
        let handler = current.borrow_and_update().clone();
        let Some(handler) = handler else {
            if current.changed().await.is_err() {
                // The proxy is gone, and this future with it.
                return Delivery::Retracted;
            }
            continue;
        };
        if let Some(awaited) = handler.awaited
            && Arc::ptr_eq(&awaited.current, &changed.current)
        {
            *changed = awaited;
        }
        if handler.recipient.send(changed.clone()).await.is_ok() {
            return Delivery::Acknowledged;
        }
        // A handler that was replaced leaves its update to the next one.
        if !current.has_changed().unwrap_or(false) {
            return Delivery::HandlerEnded;
        }
    }
}

impl<Q: HandlerPayload> Clone for CurrentHandler<Q> {
    fn clone(&self) -> Self {
        Self {
            recipient: self.recipient.clone(),
            awaited: self.awaited.clone(),
        }
    }
}
