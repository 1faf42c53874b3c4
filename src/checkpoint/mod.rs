//! A start that skips what was seen: where a subscriber left off, kept over restarts of the application.
//!
//! Start with [`CheckpointFile`], which keeps it in a file. A subscriber that keeps it itself takes a
//! [`Checkpoint`] from each [`Changed`] and gives it back with [`Checkpoint::resume`].

mod digest;
mod file;
mod keeper;

pub use self::file::{CheckpointError, CheckpointFile};

use consul_watch_actors::{Changed, Query, Snapshot, Watch};
use serde::{Deserialize, Serialize};

/// What a subscriber handled last: the index, and a digest of the content.
///
/// The digest leaves out what only says when something was written, so a content that was deleted and
/// written again the same while the application was away is no news.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The name of the watch.
    watch: String,
    /// The index of the last state handled.
    index: u64,
    /// SHA-256 of its content, in hexadecimal.
    digest: String,
}

impl Checkpoint {
    /// The state that this update brought, to be kept once it has been handled.
    pub fn of<Q: Query>(changed: &Changed<Q>) -> Self
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        Self {
            watch: changed.query.path().to_string(),
            index: changed.index,
            digest: digest::of(&*changed.current),
        }
    }

    /// The index of the state; Consul may have started its count over since.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The name of the watch it was made of.
    pub fn watch(&self) -> &str {
        &self.watch
    }

    /// Whether both are of one content of one watch, whatever the indexes.
    #[cfg(feature = "cli")]
    pub(crate) fn is_same_state(&self, other: &Self) -> bool {
        self.watch == other.watch && self.digest == other.digest
    }

    /// The watch, beginning after this checkpoint: the first update comes only if the content differs.
    ///
    /// It then has no `previous`, since what was seen is known by its digest alone.
    #[must_use]
    pub fn resume<Q: Query>(self, watch: Watch<Q>) -> Watch<Q>
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        watch.skip_first_when(move |first| digest::of(first) == self.digest)
    }
}
