//! Files that every user of the machine may change.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::text::escaped;

/// The greatest length of a path in a warning, in characters.
const MAX_PATH: usize = 4_096;

/// The bits of a mode: writable by all, and a directory in which only owners remove files, as `/tmp`.
const WRITABLE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Returns the file itself, or a directory above it, if every user may write it and so change what is read.
///
/// Links are followed. A file that is not there has no such place.
pub(crate) fn writable_by_all(file: &Path) -> Option<PathBuf> {
    let file = fs::canonicalize(file).ok()?;
    let mode = |place: &Path| fs::metadata(place).map_or(0, |found| found.permissions().mode());
    let is_open = |place: &&Path| {
        let mode = mode(place);
        let is_guarded = place.is_dir() && mode & STICKY != 0;
        mode & WRITABLE != 0 && !is_guarded && !place.starts_with("/dev")
    };
    file.ancestors().find(is_open).map(Path::to_owned)
}

/// Returns the warning about such a file, if it is one.
pub(crate) fn warning(what: &str, file: &Path) -> Option<String> {
    let place = writable_by_all(file)?;
    let [file, place] = [file, &place].map(|path| path.to_string_lossy());
    let [file, place] = [&file, &place].map(|path| escaped(path, MAX_PATH));
    Some(format!(
        "{what} {file} can be changed by every user of this machine: run `chmod o-w {place}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_or_a_directory_that_all_may_write_is_found() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let folder = home.join("folder");
        fs::create_dir(&folder).unwrap();
        let file = folder.join("file");
        fs::write(&file, "").unwrap();
        let link = home.join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let set = |place: &Path, mode| {
            fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
        };
        set(&folder, 0o755);
        for (file_mode, folder_mode, found) in [
            (0o644, 0o755, None),
            (0o664, 0o775, None),
            (0o666, 0o755, Some(&file)),
            (0o644, 0o777, Some(&folder)),
            (0o644, 0o1777, None),
        ] {
            set(&file, file_mode);
            set(&folder, folder_mode);
            assert_eq!(
                writable_by_all(&link),
                found.cloned(),
                "{file_mode:o} {folder_mode:o}"
            );
        }
        assert_eq!(writable_by_all(&home.join("none")), None);
    }
}
