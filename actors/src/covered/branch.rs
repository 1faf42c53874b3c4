//! One covered watch.

use futures_util::future::AbortHandle;
use tokio::sync::oneshot;

use super::Whole;
use crate::{Backoff, Query, feeds::Feeds, link::Link};

/// A watch that is served by another one.
pub(super) struct Branch<Q: Query> {
    pub(super) link: Link<Q>,
    pub(super) feeds: Feeds<Q>,
    /// Its part of this is believed when the query has been answered by itself.
    pub(super) doubt: Option<Box<Doubt>>,
}

/// What is to be confirmed.
pub(super) struct Doubt {
    pub(super) whole: Whole,
    /// Another value has come meanwhile.
    pub(super) stale: bool,
    pub(super) backoff: Backoff,
    /// How often it was answered otherwise.
    pub(super) contradicted: u32,
    /// It is asked again after a pause.
    pub(super) pausing: bool,
    /// The query on its way.
    pub(super) asking: Option<Asking>,
}

/// A query on its way, and the word that it has been dropped.
pub(super) struct Asking {
    pub(super) abort: AbortHandle,
    pub(super) closed: oneshot::Receiver<()>,
}

impl<Q: Query> Branch<Q> {
    /// Drops the query on its way: the future resolves when its request is closed.
    pub(super) fn close(&mut self) -> impl Future<Output = ()> + 'static + use<Q> {
        Asking::close(self.doubt.take().and_then(|doubt| doubt.asking))
    }
}

impl Asking {
    /// Drops the query: the future resolves when its request is closed.
    pub(super) fn close(asking: Option<Self>) -> impl Future<Output = ()> + 'static {
        if let Some(asking) = &asking {
            asking.abort.abort();
        }
        async move {
            if let Some(asking) = asking {
                // Nothing is ever sent: it is dropped with the request.
                let _ = asking.closed.await;
            }
        }
    }
}
