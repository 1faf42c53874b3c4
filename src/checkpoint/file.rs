//! The file that keeps a checkpoint.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::Checkpoint;

/// A file that keeps where one subscription left off. Give each subscription a file of its own.
///
/// ```no_run
/// # use actix::prelude::*;
/// use consul_watch::{Changed, KeyPrefix, checkpoint::CheckpointFile};
///
/// # struct App;
/// # impl Actor for App { type Context = Context<Self>; }
/// # impl Handler<Changed<KeyPrefix>> for App {
/// #     type Result = ();
/// #     fn handle(&mut self, _: Changed<KeyPrefix>, _: &mut Self::Context) {}
/// # }
/// # async fn example(watches: Addr<consul_watch::WatchSupervisor>) -> Result<(), Box<dyn std::error::Error>> {
/// let seen = CheckpointFile::new("app.checkpoint");
/// watches.send(seen.watch(KeyPrefix::new("app"), App.start())?).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFile {
    path: PathBuf,
}

/// A checkpoint that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("the checkpoint {} cannot be read; check its permissions, or delete it to begin with the current state", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file holds something other than a checkpoint.
    #[error("{} is not a checkpoint; name another file, or delete it to begin with the current state", path.display())]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
        /// The error in it.
        #[source]
        source: serde_json::Error,
    },
    /// The file is the checkpoint of another watch.
    #[error("the checkpoint {} belongs to the watch {found}, not to {wanted}; give each watch a file of its own", path.display())]
    OtherWatch {
        /// The file.
        path: PathBuf,
        /// The watch it belongs to.
        found: String,
        /// The watch it was to be used for.
        wanted: String,
    },
    /// The file cannot be written.
    #[error("the checkpoint {} cannot be written; check that its folder exists, is writable and not full", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl CheckpointFile {
    /// The checkpoint at this path. The file need not exist yet, but its folder must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the checkpoint; `None` when there is no file yet.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Read`] and [`CheckpointError::NotACheckpoint`].
    pub fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(CheckpointError::Read {
                    path: self.path.clone(),
                    source,
                });
            }
        };
        let checkpoint = serde_json::from_slice(&text);
        checkpoint
            .map(Some)
            .map_err(|source| CheckpointError::NotACheckpoint {
                path: self.path.clone(),
                source,
            })
    }

    /// Writes a checkpoint: whole, or not at all.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Write`].
    pub fn store(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        self.prepare(checkpoint)?.replace()
    }

    /// Writes a checkpoint to the disk beside the file, which it does not replace yet.
    pub(super) fn prepare(
        &self,
        checkpoint: &Checkpoint,
    ) -> Result<PreparedFile<'_>, CheckpointError> {
        // A subscription that has just ended may still be writing beside its successor.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}-{number}.new", std::process::id()));
        let prepared = PreparedFile {
            new: self.path.with_file_name(name),
            file: self,
        };
        let write = || {
            let mut file = File::create(&prepared.new)?;
            serde_json::to_writer(&mut file, checkpoint)?;
            file.write_all(b"\n")?;
            file.sync_all()
        };
        write().map_err(|source| self.not_written(source))?;
        Ok(prepared)
    }

    fn not_written(&self, source: io::Error) -> CheckpointError {
        CheckpointError::Write {
            path: self.path.clone(),
            source,
        }
    }
}

/// A checkpoint on the disk that has not replaced its file yet. Dropped, it leaves nothing behind.
pub(super) struct PreparedFile<'a> {
    new: PathBuf,
    file: &'a CheckpointFile,
}

impl PreparedFile<'_> {
    pub(super) fn replace(self) -> Result<(), CheckpointError> {
        fs::rename(&self.new, &self.file.path).map_err(|source| self.file.not_written(source))
    }
}

impl Drop for PreparedFile<'_> {
    fn drop(&mut self) {
        // It does not exist once it was renamed. A half-written one is of no use. If it stays, it does no harm.
        let _ = fs::remove_file(&self.new);
    }
}
