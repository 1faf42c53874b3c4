//! Files that a configuration names: regular ones, of a bounded size. Reading a pipe or a device may never end.

#[cfg(any(feature = "tls", feature = "cli"))]
use std::path::PathBuf;
use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// The largest file of a token or another secret, in bytes (ours): a token has 36.
pub(crate) const MAX_SECRET: usize = 64 * 1024;

/// The largest file of certificates or a key, in bytes (ours): all authorities of a system have some hundred KiB.
#[cfg(any(feature = "tls", feature = "cli"))]
pub(crate) const MAX_PEM: usize = 16 * 1024 * 1024;

/// A mark of the encoding that some editors put in front of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The reason why a file is not read.
#[derive(Debug)]
pub(crate) enum UnreadableFile {
    /// It is a pipe, a device, a socket or a directory.
    Special,
    TooLarge,
    Io(io::Error),
}

/// Reads a file into memory that is wiped, since it may be secret, without a byte-order mark.
pub(crate) fn read_regular_file(
    path: &Path,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, UnreadableFile> {
    if is_special(path) {
        return Err(UnreadableFile::Special);
    }
    // A pipe may take its place meanwhile, and opening that must not wait for a writer.
    let mut options = OpenOptions::new();
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = options.read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(UnreadableFile::Special);
    }
    let mut content = Zeroizing::new(Vec::new());
    file.take(limit as u64 + 1).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(UnreadableFile::TooLarge);
    }
    if content.starts_with(BYTE_ORDER_MARK) {
        content.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(content)
}

/// Returns the files of a directory and of those in it, in order. As for Consul's clients, a link to a directory is none of
/// them.
#[cfg(any(feature = "tls", feature = "cli"))]
pub(crate) fn files_below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut directories = vec![directory.to_owned()];
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            } else if entry.path().is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the reason why something else than a regular file is not read. What is missing is reported when it is read.
#[cfg(feature = "cli")]
pub(crate) fn not_a_file(path: &Path) -> Option<String> {
    is_special(path).then(|| {
        format!(
            "{} is not a regular file, and reading a pipe or a device may never end; name a regular file",
            path.display()
        )
    })
}

fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|kind| !kind.is_file())
}

impl From<io::Error> for UnreadableFile {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(feature = "cli")]
impl From<UnreadableFile> for io::Error {
    fn from(error: UnreadableFile) -> Self {
        match error {
            UnreadableFile::Special => Self::new(io::ErrorKind::InvalidInput, "not a regular file"),
            UnreadableFile::TooLarge => Self::new(io::ErrorKind::InvalidInput, "too large"),
            UnreadableFile::Io(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_that_size_are_read() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        let made = std::process::Command::new("mkfifo")
            .arg(path("pipe"))
            .status();
        assert!(made.unwrap().success());
        fs::write(path("four"), "1234").unwrap();
        fs::write(path("marked"), "\u{feff}ab").unwrap();
        std::os::unix::fs::symlink(path("four"), path("link")).unwrap();
        let read = |name: &str| read_regular_file(&path(name), 5).map(|content| content.to_vec());
        assert_eq!(read("four").unwrap(), b"1234");
        assert_eq!(read("link").unwrap(), b"1234");
        assert_eq!(read("marked").unwrap(), b"ab");
        assert!(matches!(read("pipe"), Err(UnreadableFile::Special)));
        assert!(matches!(read("."), Err(UnreadableFile::Special)));
        assert!(matches!(read("/dev/zero"), Err(UnreadableFile::Special)));
        assert!(matches!(read("none"), Err(UnreadableFile::Io(_))));
        fs::write(path("four"), "123456").unwrap();
        assert!(matches!(read("four"), Err(UnreadableFile::TooLarge)));
    }
}
