//! [`ProgramError`]: a program that cannot be run.

use std::{io, path::PathBuf};

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
    /// The state could not be written as JSON.
    #[error("the state of {path} cannot be written as JSON for `{program}`; please report it")]
    Payload {
        /// The program.
        program: String,
        /// The watch.
        path: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
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
