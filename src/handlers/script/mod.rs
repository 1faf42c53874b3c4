//! The subscriber that runs a program on each change.

mod error_hook;
mod handler;
mod options;

pub use self::{handler::ScriptHandler, options::Script};
