//! Programs as child processes: their settings, their supervision and their exits.

mod environment;
mod error;
mod exit;
mod output;
mod process_group;
mod program;
mod program_guard;
#[cfg(feature = "cli")]
mod shown;
mod spawn;
mod start_error;
mod supervise;
mod termination;
mod unsafe_files;

pub use self::{
    environment::Environment,
    error::ProgramError,
    exit::Exit,
    output::{Output, OutputTo},
    program::Program,
    program_guard::guard_programs,
    supervise::OrphanPolicy,
};
pub(super) use self::{
    spawn::{Pipes, spawn},
    supervise::{ChildCommand, ChildOutcome, CommandSender, RunLimits, supervise},
};
