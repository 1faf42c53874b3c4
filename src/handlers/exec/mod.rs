//! The subscriber that keeps one program running.

mod handler;
mod options;
mod state_file;

pub use self::{
    handler::ExecHandler,
    options::{Exec, OnChange},
};
