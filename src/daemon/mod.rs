//! The service: watches and their handlers from files.
//!
//! Start with [`run`], which ends by a signal, or [`check`], which runs nothing. [`DaemonConfig::load`] reads
//! the files by themselves, and [`Daemon`] runs them in an application that has signals of its own. The format
//! is told in `docs/daemon.md`.

mod config;
mod config_issue;
mod executable;
mod location;
mod notify;
mod parse;
mod run;
mod runtime;
mod summary;

pub use self::{
    config::{
        daemon_config::DaemonConfig,
        log_settings::{LogFormat, LogSettings},
    },
    config_issue::{ConfigErrors, ConfigIssue},
    location::Location,
    run::{RunOptions, check, run},
    runtime::{
        daemon::{Daemon, ReloadSummary},
        daemon_error::DaemonError,
        running_handler::HandlerError,
    },
    summary::Summary,
};
