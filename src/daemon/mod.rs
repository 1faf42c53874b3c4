//! The daemon: watches and their handlers, configured by files.
//!
//! Start with [`run`], which runs until a signal, or [`check`], which runs nothing. [`DaemonConfig::load`] only loads
//! the files. [`Daemon`] runs them in an application that handles signals itself. `docs/daemon.md` describes the
//! format of the files.
//!
//! ```no_run
//! use consul_watch::{
//!     ConsulConfig,
//!     daemon::{RunOptions, run},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = RunOptions::new(ConsulConfig::from_env()?);
//! actix::System::new().block_on(run(&["/etc/consul-watch.d".into()], options))?;
//! # Ok(())
//! # }
//! ```

mod config;
mod config_issue;
mod executable;
mod location;
mod notify;
mod parse;
mod projection;
mod run;
mod runtime;
mod summary;
mod terminal;

pub use self::{
    config::{
        daemon_config::DaemonConfig,
        log_settings::{LogFormat, LogSettings},
    },
    config_issue::{ConfigErrors, ConfigIssue},
    location::Location,
    run::{RunOptions, check, run},
    runtime::{
        daemon::Daemon,
        daemon_error::DaemonError,
        reload_summary::{ReloadLabels, ReloadSummary},
        running_handler::HandlerError,
    },
    summary::Summary,
};
