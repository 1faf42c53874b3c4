//! The replies of watchers to commands.

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

/// Resolves when the sender is dropped, by the watcher or with its mailbox.
pub(super) fn dropped(sender: oneshot::Receiver<()>) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move { drop(sender.await) })
}

/// A watcher that does not reply has panicked, and its exit reports that.
pub(super) fn ask<A, M>(request: Request<A, M>) -> LocalBoxFuture<'static, ()>
where
    A: Actor + Handler<M>,
    A::Context: actix::dev::ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    Box::pin(async move { drop(request.await) })
}
