//! The subscriber that runs a program on each change.

mod handler;
mod options;

pub use self::{handler::ScriptHandler, options::Script};
