//! A subscriber that runs a program on each change.

mod alarm;
mod handler;
mod options;
mod report;
mod retry;
mod schedule;
mod state;
mod work;

pub(super) use self::state::State;
pub use self::{
    handler::ScriptHandler,
    options::Script,
    report::{RunEnded, Runs, ScriptStatus},
    retry::Retry,
};
