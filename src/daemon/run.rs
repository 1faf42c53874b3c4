//! The daemon as a process: it loads files, and obeys signals and systemd.

use std::{
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    client::{ConsulClient, ConsulConfig, warnings},
    daemon::{
        config::{daemon_config::DaemonConfig, log_settings::LogSettings},
        config_issue::ConfigErrors,
        notify,
        runtime::{daemon::Daemon, daemon_error::DaemonError},
        summary::Summary,
        terminal::Terminal,
    },
};

/// The time in which a second signal belongs to the first one: `timeout(1)`, a terminal and an init process may send
/// it to this process and to its group.
const REPEATED_WITHIN: Duration = Duration::from_secs(1);

/// Options of [`run`].
#[derive(Default)]
pub struct RunOptions {
    consul: ConsulConfig,
    overriding: Vec<(&'static str, &'static str)>,
    on_log: Option<OnLog>,
}

type OnLog = Box<dyn FnMut(&LogSettings)>;

impl RunOptions {
    /// Creates options. The section `consul` of the files overrides `consul`, which is usually
    /// [`ConsulConfig::from_env`].
    pub fn new(consul: ConsulConfig) -> Self {
        Self {
            consul,
            overriding: Vec::new(),
            on_log: None,
        }
    }

    /// Names fields of the section `consul` that the files do not override, each with the option of the command line
    /// that sets it: the configuration of [`new`](Self::new) has their values. A file that sets one of them causes a
    /// warning. Default: none.
    #[must_use]
    pub fn overriding(mut self, fields: Vec<(&'static str, &'static str)>) -> Self {
        self.overriding = fields;
        self
    }

    fn read(&self, paths: &[PathBuf]) -> Result<DaemonConfig, ConfigErrors> {
        DaemonConfig::load_overridden(paths, &self.consul, &self.overriding)
    }

    /// Calls `apply` with the section `log` after each successful load of the files: at the start, before
    /// anything is logged, and at each reload. Default: nothing is called.
    #[must_use]
    pub fn on_log(mut self, apply: impl FnMut(&LogSettings) + 'static) -> Self {
        self.on_log = Some(Box::new(apply));
        self
    }

    fn load(&mut self, paths: &[PathBuf]) -> Result<DaemonConfig, ConfigErrors> {
        let config = self.read(paths)?;
        if let Some(apply) = &mut self.on_log {
            apply(config.log());
        }
        let summary = Summary::of(&config);
        for text in summary.logged_again() {
            warnings::note(text);
        }
        for warning in summary.warnings() {
            warnings::note(warning);
            tracing::warn!("{warning}");
        }
        Ok(config)
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("consul", &self.consul)
            .finish_non_exhaustive()
    }
}

/// Loads and checks configuration files, and returns a summary for people.
///
/// It starts nothing and does not ask Consul.
///
/// # Errors
///
/// Returns all issues of all files, as [`DaemonConfig::load`] does, or what a client of Consul cannot be made of, such as
/// a token file of the environment that cannot be read: the errors of [`Daemon::start`].
pub fn check(paths: &[PathBuf], options: &RunOptions) -> Result<Summary, DaemonError> {
    let config = options.read(paths)?;
    ConsulClient::check(config.consul())?;
    Ok(Summary::of(&config))
}

/// Runs the watches of configuration files until SIGTERM or SIGINT.
///
/// On the first signal, handlers have `shutdown_grace` to finish. A second signal, at least 1 s later, ends the daemon
/// at once. SIGHUP reloads the files; if they have issues, these are logged and all watches continue unchanged. When
/// the terminal that the daemon was started from is closed, SIGHUP stops it, unless it was ignored at the start
/// (`nohup`).
///
/// Where the application calls [`guard_programs`](crate::handlers::guard_programs), handlers end with the daemon even
/// if it is killed.
///
/// If systemd has set `NOTIFY_SOCKET`, it receives `READY=1`, `RELOADING=1` and `STOPPING=1`.
///
/// # Errors
///
/// Returns an error only for what is found at the start, before any watch runs: see [`Daemon::start`].
pub async fn run(paths: &[PathBuf], mut options: RunOptions) -> Result<(), DaemonError> {
    // From here on, the signals no longer end the process.
    let mut signals = Signals::new().map_err(DaemonError::Signals)?;
    let mut daemon = Daemon::start(options.load(paths)?).await?;
    tracing::info!(watches = daemon.config().watches.len(), "watches started");
    notify::ready(daemon.config().watches.len());
    while signals.next().await == SignalAction::Reload {
        notify::reloading();
        reload(paths, &mut options, &mut daemon).await;
        notify::ready(daemon.config().watches.len());
    }
    notify::stopping();
    tracing::info!("stopping all watches");
    let begun = Instant::now();
    let mut stopped = std::pin::pin!(daemon.stop());
    loop {
        tokio::select! {
            () = &mut stopped => return Ok(()),
            action = signals.next() => if action == SignalAction::End && begun.elapsed() >= REPEATED_WITHIN {
                tracing::warn!("second signal: exiting without waiting for handlers");
                return Ok(());
            }
        }
    }
}

async fn reload(paths: &[PathBuf], options: &mut RunOptions, daemon: &mut Daemon) {
    let config = match options.load(paths) {
        Ok(config) => config,
        Err(issues) => {
            for issue in issues.iter() {
                tracing::error!(%issue, "invalid configuration");
            }
            tracing::error!(
                issues = issues.iter().count(),
                "reload refused: all watches continue unchanged; fix the files and send SIGHUP again"
            );
            return;
        }
    };
    match daemon.reload(config).await {
        Ok(done) => done.log(),
        Err(error) => tracing::error!(%error, "reload partly failed"),
    }
}

/// The action that a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignalAction {
    Reload,
    End,
}

struct Signals {
    terminal: Option<Terminal>,
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            // Before SIGHUP is no longer ignored.
            terminal: Terminal::of_this_process(),
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> SignalAction {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => SignalAction::End,
            _ = self.interrupt.recv() => SignalAction::End,
            _ = self.hang_up.recv() => {
                if self.terminal.as_ref().is_some_and(Terminal::is_closed) {
                    tracing::warn!("the terminal was closed: stopping");
                    SignalAction::End
                } else {
                    SignalAction::Reload
                }
            }
        }
    }
}
