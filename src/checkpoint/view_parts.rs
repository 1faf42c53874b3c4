//! [`ViewParts`]: the parts of a state that count for a subscriber with a view.

use std::sync::Arc;

use consul_watch_actors::{Item, Snapshot};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::digest::digest_of;

type Part<I> = Arc<dyn Fn(&I) -> Option<Value> + Send + Sync>;

/// The part of each entry that counts for a subscriber. A state that differs from the one handled last in nothing else
/// has nothing for it.
pub(crate) struct ViewParts<I> {
    /// The settings of the view: parts of another one are not comparable.
    settings: Arc<str>,
    part: Part<I>,
}

impl<I: Item> ViewParts<I> {
    /// Creates the parts of a view with these settings. `part` returns `None` for an entry that does not count at all.
    #[cfg(feature = "cli")]
    pub(crate) fn new(
        settings: impl Into<Arc<str>>,
        part: impl Fn(&I) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        Self {
            settings: settings.into(),
            part: Arc::new(part),
        }
    }

    pub(super) fn digest<S: Snapshot<Item = I>>(&self, salt: &str, snapshot: &S) -> String {
        let parts = snapshot.items().iter().filter_map(|item| (self.part)(item));
        let parts = parts.map(|part| Sha256::digest(part.to_string()).into());
        digest_of(&[salt, &self.settings, "\n"], parts.collect())
    }
}

impl<I> Clone for ViewParts<I> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            part: Arc::clone(&self.part),
        }
    }
}
