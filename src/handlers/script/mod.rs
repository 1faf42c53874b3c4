//! A subscriber that runs a program on each change.

mod alarm;
mod handler;
mod options;

pub use self::{handler::ScriptHandler, options::Script};
