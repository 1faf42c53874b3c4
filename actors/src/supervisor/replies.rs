//! The replies of watchers to commands.

use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

/// Resolves when the sender is dropped, by the watcher or with its mailbox.
pub(super) fn dropped(sender: oneshot::Receiver<()>) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move { drop(sender.await) })
}
