//! Programs as children: what to run, how it is watched over, how it came to its end.

mod environment;
mod error;
mod exit;
mod group;
mod output;
mod phase;
mod program;
mod spawn;
mod supervise;

pub use self::{
    environment::Environment,
    error::ProgramError,
    exit::Exit,
    output::{Output, OutputTo},
    program::Program,
    supervise::Forks,
};
pub(super) use self::{
    spawn::{Pipes, spawn},
    supervise::{Ended, Order, Orders, Terms, supervise},
};
