//! The needs of a daemon with many checkpoint files: one bad file stops no other watch.

use std::path::PathBuf;

use consul_watch_actors::WatchPath;

use super::{
    Checkpoint,
    file::{CheckpointError, CheckpointFile},
};

impl CheckpointFile {
    /// Reads the checkpoint of this watch. A file that is damaged, that cannot be read, or that is another watch's is a
    /// warning and no checkpoint: the watch begins with the state as it is.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NotAFile`] and [`CheckpointError::NotACheckpoint`].
    pub(crate) fn load_for(
        &self,
        label: &str,
        path: &WatchPath,
    ) -> Result<Option<Checkpoint>, CheckpointError> {
        let warn = |cause: String, what: &str| {
            tracing::warn!(
                watch = label,
                checkpoint = %self.path().display(),
                cause,
                "{what}: the watch begins with the state as it is"
            );
            Ok(None)
        };
        match self.load_or_begin(label) {
            Ok(Some(found)) => {
                let watch = found.watch.clone();
                found.of_watch(path).map_or_else(
                    || warn(watch, "checkpoint of another watch"),
                    |seen| Ok(Some(seen)),
                )
            }
            Err(CheckpointError::Read { source, .. }) => {
                warn(source.to_string(), "checkpoint cannot be read")
            }
            loaded => loaded,
        }
    }

    /// Writes a checkpoint, unless something is in its place that is none or that cannot be read.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub(crate) fn replace(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        match self.load() {
            Ok(_) | Err(CheckpointError::Damaged { .. }) => self.store(checkpoint),
            Err(error) => Err(error),
        }
    }

    /// Returns the path that the file has however it is spelled: that of its folder has no links and no dots.
    pub(crate) fn place(&self) -> PathBuf {
        match (self.folder().canonicalize(), self.path().file_name()) {
            (Ok(folder), Some(name)) => folder.join(name),
            _ => self.path().to_owned(),
        }
    }
}
