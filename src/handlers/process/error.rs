//! Why a program cannot be run.

use std::{io, path::PathBuf};

/// A program that cannot be run. Its arguments are never shown: they may hold secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// No program is named.
    #[error("a handler's program is empty; name a program, or give a line for the shell")]
    Empty,
    /// Something the system takes as text up to its first NUL holds one.
    #[error(
        "{part} of the program `{program}` holds a NUL byte, which no program can be given; remove it"
    )]
    Nul {
        /// The program.
        program: String,
        /// Which part: `argument 2`, `the variable X` …
        part: String,
    },
    /// A variable's name that no environment can hold.
    #[error(
        "`{name}` is no name of a variable for the program `{program}`: it must not be empty or hold `=`"
    )]
    Variable {
        /// The program.
        program: String,
        /// The name given.
        name: String,
    },
    /// The system did not start it.
    #[error("cannot run `{program}`: {remedy}")]
    Start {
        /// The program.
        program: String,
        /// What to look at.
        remedy: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Its end could not be learnt.
    #[error(
        "the exit of `{program}` is lost; does somebody else wait for our children, or is SIGCHLD ignored?"
    )]
    Wait {
        /// The program.
        program: String,
        /// What the system says.
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
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The file that the state is kept in could not be written.
    #[error("the state file {} cannot be written; check that its folder exists, is writable and not full", file.display())]
    StateFile {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}
