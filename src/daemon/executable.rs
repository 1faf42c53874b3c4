//! Checks whether a program can be executed.

use std::{env, fs, os::unix::fs::PermissionsExt, path::Path};

/// The reason why a program cannot be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExecutableProblem {
    /// The file does not exist.
    Missing,
    /// No directory of the `PATH` holds the program.
    NotOnPath,
    /// The file has no execute permission.
    NotExecutable,
    /// The path is that of a directory.
    Directory,
}

/// Checks a program: a path, or a name that is searched on the `PATH` of this process.
pub(super) fn executable_problem(program: &Path) -> Option<ExecutableProblem> {
    if program.components().count() > 1 {
        return look(program);
    }
    let path = env::var_os("PATH")?;
    let found: Vec<_> = env::split_paths(&path)
        .map(|folder| look(&folder.join(program)))
        .collect();
    if found.contains(&None) {
        None
    } else if found.contains(&Some(ExecutableProblem::NotExecutable)) {
        Some(ExecutableProblem::NotExecutable)
    } else {
        Some(ExecutableProblem::NotOnPath)
    }
}

fn look(file: &Path) -> Option<ExecutableProblem> {
    match fs::metadata(file) {
        Ok(file) if file.is_file() => {
            (file.permissions().mode() & 0o111 == 0).then_some(ExecutableProblem::NotExecutable)
        }
        Ok(file) if file.is_dir() => Some(ExecutableProblem::Directory),
        _ => Some(ExecutableProblem::Missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_non_executable_programs_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        assert_eq!(executable_problem(&file), Some(ExecutableProblem::Missing));
        fs::write(&file, "").unwrap();
        assert_eq!(
            executable_problem(&file),
            Some(ExecutableProblem::NotExecutable)
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(executable_problem(&file), None);
        assert_eq!(executable_problem(Path::new("sh")), None);
        assert_eq!(
            executable_problem(Path::new("no-such-program-anywhere")),
            Some(ExecutableProblem::NotOnPath)
        );
        assert_eq!(
            executable_problem(folder.path()),
            Some(ExecutableProblem::Directory)
        );
    }
}
