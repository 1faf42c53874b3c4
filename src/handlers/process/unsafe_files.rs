//! [`Program::warnings`]: programs that every user of the machine may change.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::Program;
use crate::{client::warnings, permissions};

impl Program {
    /// Returns warnings of the program, and of a script that it runs, if every user may change them.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.files()
            .iter()
            .filter_map(|file| permissions::warning("the program", file))
            .collect()
    }

    /// Logs them, each once in the life of the process.
    pub(in crate::handlers) fn warn(&self) {
        for warning in self.warnings() {
            warnings::once(&warning);
        }
    }

    /// The files that are run, as far as they are known: the program, and a path that is its first argument or the
    /// first word of a line for the shell.
    fn files(&self) -> Vec<PathBuf> {
        let named = self.name();
        let script = self.script().filter(|script| script.contains('/'));
        found(Path::new(&named))
            .into_iter()
            .chain(script.map(PathBuf::from).filter(|script| script.is_file()))
            .collect()
    }
}

/// The file of a program: a path, or a name that is searched for on the `PATH`.
fn found(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return Some(program.to_owned());
    }
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_script_behind_an_interpreter_is_a_program_too() {
        let home = tempfile::tempdir().unwrap();
        let open = home.path().join("open");
        fs::write(&open, "").unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o757)).unwrap();
        let path = open.to_str().unwrap();
        for program in [
            Program::new(path),
            Program::new("sh").arg(path),
            Program::shell(format!("{path} --quick | cat")),
        ] {
            let warnings = program.warnings();
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains("chmod o-w"), "{warnings:?}");
        }
        for program in [
            Program::new("sh"),
            Program::new("cat").arg("/dev/null"),
            Program::shell("echo $HOME/x"),
        ] {
            assert!(program.warnings().is_empty(), "{program:?}");
        }
    }
}
