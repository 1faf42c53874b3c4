//! Writes the checkpoint file of one watch in the background, in order.

use std::{cell::Cell, rc::Rc, sync::Arc};

use actix_rt::task::spawn_blocking;
use tokio::sync::Mutex;

use crate::checkpoint::{Checkpoint, CheckpointFile};

/// Writes a checkpoint file on the blocking pool, because a write waits for the disk.
///
/// Writes are numbered when they are requested. One write runs at a time, and a write that a later one has
/// outdated is skipped.
pub(super) struct CheckpointWriter {
    file: CheckpointFile,
    label: Arc<str>,
    requested: Cell<u64>,
    /// The number of the last write that is complete.
    written: Rc<Mutex<u64>>,
}

impl CheckpointWriter {
    pub(super) fn new(file: CheckpointFile, label: Arc<str>) -> Self {
        Self {
            file,
            label,
            requested: Cell::new(0),
            written: Rc::default(),
        }
    }

    /// Returns true if a write was ever requested.
    pub(super) fn has_written(&self) -> bool {
        self.requested.get() > 0
    }

    /// Requests a write. The future resolves when the file holds this checkpoint or a later one, or when the
    /// write has failed, which is logged.
    pub(super) fn write(&self, checkpoint: Checkpoint) -> impl Future<Output = ()> + use<> {
        let number = self.requested.get() + 1;
        self.requested.set(number);
        let (file, label) = (self.file.clone(), Arc::clone(&self.label));
        let written = Rc::clone(&self.written);
        async move {
            let mut written = written.lock().await;
            if *written > number {
                return;
            }
            *written = number;
            match spawn_blocking(move || file.replace(&checkpoint)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(
                        label = &*label,
                        error = error.to_string(),
                        cause,
                        "checkpoint not written: the update will be delivered again after a restart"
                    );
                }
                Err(error) => {
                    tracing::error!(
                        label = &*label,
                        error = error.to_string(),
                        "checkpoint not written: the write panicked"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(index: u64) -> Checkpoint {
        let json =
            serde_json::json!({ "watch": "key:a", "index": index, "salt": "00", "digest": "d" });
        serde_json::from_value(json).unwrap()
    }

    #[actix::test]
    async fn an_outdated_write_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let file = CheckpointFile::new(folder.path().join("checkpoint"));
        let writer = CheckpointWriter::new(file.clone(), "a".into());
        let (first, second) = (writer.write(checkpoint(1)), writer.write(checkpoint(2)));
        second.await;
        first.await;
        assert_eq!(file.load().unwrap(), Some(checkpoint(2)));
    }
}
