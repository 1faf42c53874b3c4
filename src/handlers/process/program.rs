//! [`Program`]: a program with its arguments and its environment.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Environment, ProgramError, start_error};

/// A program with its arguments, or a line for the shell, with its working directory and its environment.
///
/// ```
/// use consul_watch::handlers::Program;
///
/// let direct = Program::new("/usr/local/bin/reload").arg("--quick");
/// let line = Program::shell("jq -r .[].Key | sort > keys").directory("/var/lib/app");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    invocation: Invocation,
    args: Vec<OsString>,
    directory: Option<PathBuf>,
    environment: Environment,
}

#[derive(Clone, PartialEq, Eq)]
enum Invocation {
    Direct(OsString),
    Shell(OsString),
}

impl Program {
    /// Runs a program directly: a path, or a name that is searched for on the `PATH`.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self::of(Invocation::Direct(program.into()))
    }

    /// Runs a line by `$SHELL -c`, or by `/bin/sh -c` if `SHELL` is not set, as `consul watch` and the agent's
    /// `handler` do. Arguments are its positional parameters, beginning with `$1`.
    pub fn shell(line: impl Into<OsString>) -> Self {
        Self::of(Invocation::Shell(line.into()))
    }

    fn of(invocation: Invocation) -> Self {
        Self {
            invocation,
            args: Vec::new(),
            directory: None,
            environment: Environment::default(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets the working directory (default: that of this process).
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets the variables that it gets (default: all of this process).
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Changes the variables that it gets.
    #[must_use]
    pub fn with_environment(mut self, change: impl FnOnce(Environment) -> Environment) -> Self {
        self.environment = change(self.environment);
        self
    }

    /// Returns the name for logs and errors: the program without its arguments, which may hold secrets.
    pub fn name(&self) -> String {
        self.program().to_string_lossy().into_owned()
    }

    /// Whether it is a line for the shell.
    #[cfg(feature = "cli")]
    pub(crate) fn is_line(&self) -> bool {
        matches!(self.invocation, Invocation::Shell(_))
    }

    /// The program and its arguments, or the words of a line for the shell.
    #[cfg(feature = "cli")]
    pub(super) fn words(&self) -> Vec<String> {
        let args = self
            .args
            .iter()
            .map(|arg| arg.to_string_lossy().into_owned());
        match &self.invocation {
            Invocation::Direct(_) => std::iter::once(self.name()).chain(args).collect(),
            Invocation::Shell(line) => line
                .to_string_lossy()
                .split_whitespace()
                .map(str::to_owned)
                .chain(args)
                .collect(),
        }
    }

    /// The first argument, or the first word of a line for the shell.
    pub(super) fn script(&self) -> Option<String> {
        match &self.invocation {
            Invocation::Direct(_) => self.args.first().map(|arg| arg.to_string_lossy()),
            Invocation::Shell(line) => Some(line.to_string_lossy()),
        }
        .and_then(|text| text.split_whitespace().next().map(str::to_owned))
    }

    /// Checks the program without running it.
    ///
    /// # Errors
    ///
    /// [`ProgramError::Empty`], [`ProgramError::Nul`] and [`ProgramError::Variable`].
    pub fn validate(&self) -> Result<(), ProgramError> {
        let (Invocation::Direct(main) | Invocation::Shell(main)) = &self.invocation;
        if main.is_empty()
            || (matches!(self.invocation, Invocation::Shell(_))
                && main.as_bytes().trim_ascii().is_empty())
        {
            return Err(ProgramError::Empty);
        }
        let free = |text: &OsStr, part: &dyn Fn() -> String| {
            if text.as_bytes().contains(&0) {
                return Err(ProgramError::Nul {
                    program: self.name().replace('\0', "\u{fffd}"),
                    part: part(),
                });
            }
            Ok(())
        };
        free(main, &|| "the name or line".to_owned())?;
        for (at, arg) in (1..).zip(&self.args) {
            free(arg, &|| format!("argument {at}"))?;
        }
        if let Some(directory) = &self.directory {
            free(directory.as_os_str(), &|| {
                "the working directory".to_owned()
            })?;
        }
        for (name, value) in self.environment.settings() {
            let shown = || name.to_string_lossy().replace('\0', "\u{fffd}");
            if name.is_empty() || name.as_bytes().contains(&b'=') {
                return Err(ProgramError::Variable {
                    program: self.name(),
                    name: shown(),
                });
            }
            free(name, &|| format!("the variable {}", shown()))?;
            free(value, &|| format!("the variable {}", shown()))?;
        }
        Ok(())
    }

    /// Returns the command, with these variables in addition to its own.
    pub(super) fn command(&self, variables: &BTreeMap<&'static str, String>) -> Command {
        let program = self.program();
        let mut command = Command::new(&program);
        if let Invocation::Shell(line) = &self.invocation {
            command.arg("-c").arg(line);
            if !self.args.is_empty() {
                command.arg(&program);
            }
        }
        command.args(&self.args);
        command
            .env_clear()
            .envs(self.environment.of(std::env::vars_os()));
        // A key may hold a NUL byte, and a variable may not.
        command.envs(
            variables
                .iter()
                .map(|(name, value)| (name, value.replace('\0', "\u{fffd}"))),
        );
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    /// Refuses a shell that runs no command lines, as system users have. Its exit would look like the handler's.
    pub(super) fn check_shell(&self) -> Result<(), ProgramError> {
        const NO_SHELLS: [&str; 3] = ["nologin", "false", "true"];
        let shell = self.program();
        let name = Path::new(&shell).file_name().unwrap_or_default();
        if matches!(self.invocation, Invocation::Shell(_)) && NO_SHELLS.iter().any(|no| name == *no)
        {
            let shell = self.name();
            return Err(ProgramError::Shell { shell });
        }
        Ok(())
    }

    /// Returns the error for a start with these variables that failed, with its remedy.
    pub(super) fn not_started(
        &self,
        variables: &BTreeMap<&'static str, String>,
        source: io::Error,
    ) -> ProgramError {
        let command = self.command(variables);
        let shell = matches!(self.invocation, Invocation::Shell(_));
        ProgramError::Start {
            program: self.name(),
            remedy: start_error::remedy(&command, shell, &source),
            source,
        }
    }

    fn program(&self) -> OsString {
        match &self.invocation {
            Invocation::Direct(program) => program.clone(),
            Invocation::Shell(_) => {
                let ours = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
                ours.unwrap_or_else(|| Path::new("/bin/sh").into())
            }
        }
    }
}

/// Shows neither arguments nor a shell line, which may hold secrets.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("program", &self.program())
            .field("shell", &matches!(self.invocation, Invocation::Shell(_)))
            .field("args", &self.args.len())
            .field("directory", &self.directory)
            .field("environment", &self.environment)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(program: &Program) -> String {
        program.validate().unwrap_err().to_string()
    }

    #[test]
    fn invalid_programs_are_refused_by_name() {
        assert!(refused(&Program::new("")).contains("empty"));
        assert!(refused(&Program::shell("  \n")).contains("empty"));
        assert!(
            refused(&Program::new("a").arg("b").arg("c\0d"))
                .contains("argument 2 of the program `a`")
        );
        assert!(refused(&Program::new("a\0b")).contains("the name or line"));
        assert!(refused(&Program::new("a").directory("x\0")).contains("the working directory"));
        let variable = |name: &str, value: &str| {
            Program::new("a").environment(Environment::inherited().set(name, value))
        };
        assert!(refused(&variable("A=B", "")).contains("`A=B` is not a name"));
        assert!(refused(&variable("A", "\0")).contains("the variable A"));
        assert!(variable("A", "=").validate().is_ok());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let program = Program::shell("curl -H X-Token:hunter2").arg("hunter2");
        assert!(!format!("{program:?}{}", program.name()).contains("hunter2"));
    }

    #[test]
    fn a_line_goes_to_the_shell_with_its_parameters() {
        let command = Program::shell("echo $1").arg("x").command(&BTreeMap::new());
        let args: Vec<_> = command.get_args().collect();
        assert_eq!(args[..2], ["-c", "echo $1"]);
        assert_eq!(args[2], command.get_program());
        assert_eq!(args[3], "x");
    }
}
