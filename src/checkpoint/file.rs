//! A checkpoint in a file.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use actix::prelude::*;
use consul_watch_actors::{Changed, Query, Snapshot, Subscriber, Watch};
use serde::Serialize;

use super::{Checkpoint, keeper::Keeper};

/// A file that keeps where one subscription left off.
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
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} is not a checkpoint; name another file, or delete it to begin with the current state", path.display())]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
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
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl CheckpointFile {
    /// The checkpoint at this path. The file need not be there yet; its folder does.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds; `None` when there is no file yet.
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
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = self.path.with_file_name(name);
        let write = || {
            let mut file = File::create(&new)?;
            serde_json::to_writer(&mut file, checkpoint)?;
            file.write_all(b"\n")?;
            // On the disk before it takes the place of the old one.
            file.sync_all()?;
            fs::rename(&new, &self.path)
        };
        write().map_err(|source| {
            // What is half written is of no use; that it stays would not matter either.
            let _ = fs::remove_file(&new);
            CheckpointError::Write {
                path: self.path.clone(),
                source,
            }
        })
    }

    /// The subscription of `subscriber` to `query` that goes on where this file says, and writes it anew
    /// each time the subscriber's handler has finished.
    ///
    /// An update whose handler did not finish, or whose checkpoint could not be written (which is
    /// logged), comes again after a restart.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and [`CheckpointError::OtherWatch`].
    pub fn watch<Q: Query>(
        &self,
        query: Q,
        subscriber: impl Into<Subscriber<Changed<Q>>>,
    ) -> Result<Watch<Q>, CheckpointError>
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        let wanted = query.path().to_string();
        let seen = self.load()?;
        let keeper = Keeper {
            file: self.clone(),
            subscriber: subscriber.into(),
        }
        .start();
        let watch = Watch::new(query, keeper);
        match seen {
            None => Ok(watch),
            Some(seen) if seen.watch() == wanted => Ok(seen.resume(watch)),
            Some(seen) => Err(CheckpointError::OtherWatch {
                path: self.path.clone(),
                found: seen.watch,
                wanted,
            }),
        }
    }
}
