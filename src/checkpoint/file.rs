//! The file that keeps a checkpoint.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno};
use tempfile::NamedTempFile;

use super::{Checkpoint, damage::is_damaged, leftovers};

/// The size up to which a file is read. The largest checkpoint, of 1,280 events, has 50 KB.
const MAX_SIZE: u64 = 1024 * 1024;

/// A file that keeps where one subscription left off. Give each subscription a file of its own.
///
/// Only its owner can read it. It holds the name of the watch, its index, and a salted digest of the content (of
/// events: their ids), but no content. It is replaced as a whole, and each replacement is on the disk before the
/// next update is delivered. A symbolic link is never followed.
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
    /// The path leads to something other than a regular file.
    #[error("the checkpoint {} is {found}, not a regular file; name another path", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// The thing that is there.
        found: &'static str,
    },
    /// The file is empty or holds a part of a checkpoint, as after a loss of power.
    #[error("the checkpoint {} is damaged; delete it to begin with the current state", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The error in it.
        #[source]
        source: serde_json::Error,
    },
    /// The file holds something other than a checkpoint. It is never replaced.
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
    /// [`CheckpointError::Read`], [`CheckpointError::NotAFile`], [`CheckpointError::Damaged`] and
    /// [`CheckpointError::NotACheckpoint`].
    pub fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let not_read = |source| CheckpointError::Read {
            path: self.path.clone(),
            source,
        };
        // A pipe must not block, and a link may lead anywhere.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
                return Err(self.not_a_file("a symbolic link"));
            }
            Err(error) => return Err(not_read(error)),
        };
        let metadata = file.metadata().map_err(not_read)?;
        if metadata.is_dir() {
            return Err(self.not_a_file("a directory"));
        }
        if !metadata.is_file() {
            return Err(self.not_a_file("a device, a pipe or a socket"));
        }
        let mut text = Vec::new();
        file.take(MAX_SIZE)
            .read_to_end(&mut text)
            .map_err(not_read)?;
        serde_json::from_slice(&text).map(Some).map_err(|source| {
            let path = self.path.clone();
            if is_damaged(&text) {
                CheckpointError::Damaged { path, source }
            } else {
                CheckpointError::NotACheckpoint { path, source }
            }
        })
    }

    /// Reads the checkpoint as [`load`](Self::load) does. A damaged or empty file is a warning and no checkpoint:
    /// the watch begins with the state as it is.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Read`], [`CheckpointError::NotAFile`] and [`CheckpointError::NotACheckpoint`].
    pub(crate) fn load_or_begin(&self, watch: &str) -> Result<Option<Checkpoint>, CheckpointError> {
        leftovers::remove(self.folder(), self.name());
        match self.load() {
            Err(CheckpointError::Damaged { path, source }) => {
                tracing::warn!(
                    watch,
                    checkpoint = %path.display(),
                    cause = %source,
                    "checkpoint damaged: the watch begins with the state as it is, and replaces the file"
                );
                Ok(None)
            }
            loaded => loaded,
        }
    }

    /// Writes a checkpoint: whole, or not at all.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Write`].
    pub fn store(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        self.prepare(checkpoint)?.replace()?;
        self.sync_folder()
    }

    /// Writes a checkpoint to the disk beside the file, which it does not replace yet.
    pub(super) fn prepare(
        &self,
        checkpoint: &Checkpoint,
    ) -> Result<PreparedFile<'_>, CheckpointError> {
        let mut prefix = self.name().to_owned();
        prefix.push(".");
        let write = || {
            // A random name that did not exist, for this user alone.
            let mut new = tempfile::Builder::new()
                .prefix(&prefix)
                .suffix(leftovers::SUFFIX)
                .rand_bytes(leftovers::RANDOM)
                .tempfile_in(self.folder())?;
            serde_json::to_writer(&mut new, checkpoint)?;
            new.write_all(b"\n")?;
            new.as_file().sync_all()?;
            Ok(new)
        };
        let new = write().map_err(|source| self.not_written(source))?;
        Ok(PreparedFile { new, file: self })
    }

    /// Waits until the disk has the replaced name too.
    pub(super) fn sync_folder(&self) -> Result<(), CheckpointError> {
        File::open(self.folder())
            .and_then(|folder| folder.sync_all())
            .map_err(|source| self.not_written(source))
    }

    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    pub(super) fn folder(&self) -> &Path {
        let folder = self.path.parent();
        folder
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."))
    }

    fn not_a_file(&self, found: &'static str) -> CheckpointError {
        CheckpointError::NotAFile {
            path: self.path.clone(),
            found,
        }
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
    new: NamedTempFile,
    file: &'a CheckpointFile,
}

impl PreparedFile<'_> {
    pub(super) fn replace(self) -> Result<(), CheckpointError> {
        let Self { new, file } = self;
        new.persist(&file.path)
            .map(drop)
            .map_err(|error| file.not_written(error.error))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use tempfile::tempdir;

    use super::*;

    fn checkpoint(index: u64) -> Checkpoint {
        let json =
            serde_json::json!({ "watch": "key:a", "index": index, "salt": "00", "digest": "d" });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn only_its_owner_can_read_it() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a.checkpoint");
        fs::write(&path, "open to everybody").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let file = CheckpointFile::new(&path);
        file.store(&checkpoint(1)).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(file.load().unwrap(), Some(checkpoint(1)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempdir().unwrap();
        let (target, path) = (folder.path().join("target"), folder.path().join("link"));
        let file = CheckpointFile::new(&path);
        CheckpointFile::new(&target).store(&checkpoint(1)).unwrap();
        symlink(&target, &path).unwrap();
        let error = file.load().unwrap_err().to_string();
        assert!(error.contains("is a symbolic link"), "{error}");
        file.store(&checkpoint(2)).unwrap();
        assert_eq!(
            CheckpointFile::new(&target).load().unwrap(),
            Some(checkpoint(1)),
            "the link is replaced, not what it leads to"
        );
    }

    #[test]
    fn what_is_no_file_is_refused_and_does_not_block() {
        let folder = tempdir().unwrap();
        let error = CheckpointFile::new(folder.path()).load().unwrap_err();
        assert!(error.to_string().contains("is a directory"), "{error}");
        let error = CheckpointFile::new("/dev/zero").load().unwrap_err();
        assert!(error.to_string().contains("a device"), "{error}");
    }

    #[test]
    fn a_damaged_file_is_no_checkpoint_and_no_error() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a.checkpoint");
        let file = CheckpointFile::new(&path);
        let whole = serde_json::to_string(&checkpoint(1)).unwrap();
        for text in ["", "\0\0\0\0", "{", &whole[..whole.len() / 2]] {
            fs::write(&path, text).unwrap();
            assert!(file.load().is_err(), "{text:?}");
            assert_eq!(file.load_or_begin("a").unwrap(), None, "{text:?}");
        }
        for text in ["[]", "{}", "root:x:0:0", "\u{feff}{}"] {
            fs::write(&path, text).unwrap();
            let error = file.load_or_begin("a").unwrap_err();
            assert!(error.to_string().contains("is not a checkpoint"), "{error}");
        }
    }
}
