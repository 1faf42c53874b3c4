//! Watches of keys that share one subscriber, by the values that they deliver.

use actix::prelude::*;
use consul_watch::{Key, WatchSupervisor};
use consul_watch_harness::Feed;

/// The values of keys, in the order of their deliveries.
pub(crate) struct Values(Feed<Key>);

impl Values {
    pub(crate) fn start() -> Self {
        Self(Feed::start())
    }

    /// Subscribes to one more key.
    pub(crate) async fn watch(&mut self, watches: &Addr<WatchSupervisor>, key: impl Into<String>) {
        self.0.watch(watches, Key::new(key.into())).await;
    }

    /// Returns the value of the next delivery.
    pub(crate) async fn next(&mut self, what: &str) -> Option<String> {
        let changed = self.0.next(what).await;
        let pair = changed.current.as_deref()?;
        Some(String::from_utf8_lossy(pair.value.as_deref().unwrap_or_default()).into_owned())
    }

    #[track_caller]
    pub(crate) fn has_nothing(&mut self) {
        self.0.has_nothing("nothing has changed");
    }
}
