//! The service: watches and their handlers from files.
//!
//! Start with [`run`], which ends by a signal, or [`check`], which runs nothing. [`DaemonConfig::load`] reads
//! the files by themselves, and [`Daemon`] runs them in an application that has signals of its own. The format
//! is told in `docs/daemon.md`.

mod config;
mod config_issue;
mod executable;
mod notify;
mod parse;
mod run;
mod runtime;
mod summary;

pub use self::{
    config::{DaemonConfig, LogFormat, LogSettings},
    config_issue::{ConfigErrors, ConfigIssue},
    parse::Location,
    run::{RunOptions, check, run},
    runtime::{Daemon, DaemonError, HandlerError, ReloadSummary},
    summary::Summary,
};
