//! [`ProgramError`]: a program that cannot be run.

use std::{io, path::PathBuf};

use super::start_error;

/// A program that cannot be run. Its arguments are never shown, since they may hold secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The program's name or line is empty.
    #[error("the program of the handler is empty; name a program, or give a line for the shell")]
    Empty,
    /// A part of it holds a NUL byte, at which the system would cut it off.
    #[error(
        "{part} of the program `{program}` holds a NUL byte, which cannot be passed to a program; remove it"
    )]
    Nul {
        /// The program.
        program: String,
        /// The part: `argument 2`, `the variable X` …
        part: String,
    },
    /// The name of a variable is empty or holds `=`.
    #[error(
        "`{name}` is not a name for a variable of the program `{program}`; use one that is not empty and has no `=`"
    )]
    Variable {
        /// The program.
        program: String,
        /// The name.
        name: String,
    },
    /// The system did not start it.
    #[error("cannot run `{program}`: {remedy}")]
    Start {
        /// The program.
        program: String,
        /// The remedy.
        remedy: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The exit status could not be read.
    #[error(
        "the exit status of `{program}` is lost; check that this process does not ignore SIGCHLD and that no other code waits for its children"
    )]
    Wait {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The shell that `SHELL` names runs no command lines.
    #[error(
        "the shell `{shell}`, which the variable SHELL names, does not run command lines; set SHELL=/bin/sh for this process, or run the program without a shell (`args` in a file, `-shell=false` on the command line)"
    )]
    Shell {
        /// The shell.
        shell: String,
    },
    /// The input could not be made.
    #[error("the input of `{program}` cannot be written as JSON; please report it")]
    Payload {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The state file could not be written.
    #[error("the state file {} cannot be written; check that its folder exists, is writable and not full", file.display())]
    StateFile {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl ProgramError {
    /// Returns whether the program did not run at all, for a reason that lies outside of it.
    ///
    /// The handlers of a service try again until it starts, however often that fails.
    pub fn is_not_started(&self) -> bool {
        matches!(
            self,
            Self::Start { .. } | Self::Shell { .. } | Self::StateFile { .. }
        )
    }

    /// Returns whether the system lacked something that it may have again soon: descriptors, processes or memory.
    pub fn is_shortage(&self) -> bool {
        matches!(self, Self::Start { source, .. } if start_error::is_shortage(source))
    }
}
