//! The file with the newest state, for a program that is running.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::handlers::input::ProgramInput;

/// Replaces the file as a whole. Only our own user may read it, since a value may be a secret.
pub(super) fn replace(file: &Path, content: &ProgramInput) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = file.with_file_name(name);
    let write = || {
        let file_writer = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        let mut writer = io::BufWriter::new(file_writer);
        content.write_to(&mut writer)?;
        writer.flush()?;
        fs::rename(&new, file)
    };
    write().inspect_err(|_| {
        // A half-written file is of no use. If it stays, it does no harm.
        let _ = fs::remove_file(&new);
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn text(content: &str) -> ProgramInput {
        ProgramInput::bytes(content.into())
    }

    #[test]
    fn only_the_file_stays_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        replace(&file, &text("one")).unwrap();
        replace(&file, &text("two")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("none/state"), &text("")).is_err());
    }
}
