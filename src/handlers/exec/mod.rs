//! A subscriber that keeps one program running.

mod file;
mod handler;
mod options;

pub use self::{
    handler::ExecHandler,
    options::{Exec, OnChange},
};
