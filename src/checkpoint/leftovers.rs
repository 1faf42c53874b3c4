//! Files that writes left behind that were cut by the end of their process.

use std::{
    ffi::OsStr,
    fs,
    io::{Error, ErrorKind},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
};

use rustix::process::geteuid;

/// The end of the name of a file that is to replace a checkpoint.
pub(super) const SUFFIX: &str = ".new";

/// The number of random letters and digits in that name.
pub(super) const RANDOM: usize = 6;

/// Removes this user's files that were to replace the checkpoint of this name, and did not.
pub(super) fn remove(folder: &Path, name: &OsStr) {
    // A folder that cannot be read is reported by what is read or written next.
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| is_leftover(&entry.file_name(), name)) {
        let is_ours = |it: &fs::Metadata| it.is_file() && it.uid() == geteuid().as_raw();
        if entry.metadata().is_ok_and(|it| is_ours(&it)) {
            log(&entry.path(), fs::remove_file(entry.path()));
        }
    }
}

fn is_leftover(file: &OsStr, name: &OsStr) -> bool {
    let rest = file.as_bytes().strip_prefix(name.as_bytes());
    let random = rest.and_then(|rest| rest.strip_prefix(b".")?.strip_suffix(SUFFIX.as_bytes()));
    random.is_some_and(|it| it.len() == RANDOM && it.iter().all(u8::is_ascii_alphanumeric))
}

fn log(file: &Path, removed: Result<(), Error>) {
    match removed {
        Ok(()) => tracing::debug!(file = %file.display(), "removed what a write left behind"),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "what a write left behind stays");
        }
    }
}
