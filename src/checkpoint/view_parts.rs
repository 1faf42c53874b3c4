//! [`ViewParts`]: the parts of a state that count for a subscriber with a view.

use std::sync::Arc;

use consul_watch_actors::{Item, Snapshot};
use serde::{Deserialize, Serialize};
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

    pub(super) fn digest<S: Snapshot<Item = I>>(&self, salt: &str, snapshot: &S) -> ViewDigest {
        let parts = snapshot.items().iter().filter_map(|item| (self.part)(item));
        let parts = parts.map(|part| Sha256::digest(part.to_string()).into());
        ViewDigest {
            settings: digest_of(&[salt, &self.settings], Vec::new()),
            parts: digest_of(&[salt], parts.collect()),
        }
    }
}

/// The digests of all that counted in a state, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct ViewDigest {
    /// The SHA-256 of the salt and of the settings of the view.
    settings: String,
    /// The SHA-256 of the salt and of the parts of the entries that count.
    parts: String,
}

impl ViewDigest {
    /// Returns whether the same counted, or `None` where the views differ and nothing can be compared.
    pub(super) fn matches(&self, other: &Self) -> Option<bool> {
        (self.settings == other.settings).then(|| self.parts == other.parts)
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
