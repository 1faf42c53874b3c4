//! The service as a process: files, signals, systemd.

use std::{fmt, path::PathBuf};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    client::ConsulConfig,
    daemon::{
        config::{daemon_config::DaemonConfig, log_settings::LogSettings},
        config_issue::ConfigErrors,
        notify,
        runtime::{daemon::Daemon, daemon_error::DaemonError},
        summary::Summary,
    },
};

/// How [`run`] is to run.
///
/// `consul` is what the section of that name in the files goes on from: the environment's configuration, as
/// a rule.
#[derive(Default)]
pub struct RunOptions {
    consul: ConsulConfig,
    on_log: Option<OnLog>,
}

type OnLog = Box<dyn FnMut(&LogSettings)>;

impl RunOptions {
    /// Options with this configuration to go on from.
    pub fn new(consul: ConsulConfig) -> Self {
        Self {
            consul,
            on_log: None,
        }
    }

    /// Sets what is done with the section `log`: once the files were read for the first time, before anything
    /// is logged, and whenever they were read again with success.
    #[must_use]
    pub fn on_log(mut self, apply: impl FnMut(&LogSettings) + 'static) -> Self {
        self.on_log = Some(Box::new(apply));
        self
    }

    fn load(&mut self, paths: &[PathBuf]) -> Result<DaemonConfig, ConfigErrors> {
        let config = DaemonConfig::load(paths, &self.consul)?;
        if let Some(apply) = &mut self.on_log {
            apply(config.log());
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

/// Reads and checks files without Consul, and without running anything.
///
/// # Errors
///
/// As [`DaemonConfig::load`].
pub fn check(paths: &[PathBuf], consul: &ConsulConfig) -> Result<Summary, ConfigErrors> {
    Ok(Summary::of(&DaemonConfig::load(paths, consul)?))
}

/// Runs the watches of these files until SIGTERM or SIGINT; a second one ends it without grace. SIGHUP reads the
/// files again: what is wrong with them is logged, and everything then goes on as it was.
///
/// systemd is told when it has given a socket: `READY=1`, `RELOADING=1`, `STOPPING=1`.
///
/// # Errors
///
/// What can be found before anything runs. After that it ends by a signal alone.
pub async fn run(paths: &[PathBuf], mut options: RunOptions) -> Result<(), DaemonError> {
    // From here on no signal ends us by itself.
    let mut signals = Signals::new().map_err(DaemonError::Signals)?;
    let mut daemon = Daemon::start(options.load(paths)?).await?;
    tracing::info!(
        watches = daemon.config().watches.len(),
        "the watches have begun"
    );
    notify::ready(daemon.config().watches.len());
    while signals.next().await == SignalAction::Reload {
        notify::reloading();
        reload(paths, &mut options, &mut daemon).await;
        notify::ready(daemon.config().watches.len());
    }
    notify::stopping();
    tracing::info!("the watches end");
    let mut stopped = std::pin::pin!(daemon.stop());
    loop {
        tokio::select! {
            () = &mut stopped => return Ok(()),
            told = signals.next() => if told == SignalAction::End {
                tracing::warn!("a second signal: handlers are given no more time");
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
                tracing::error!(%issue, "the files cannot be used");
            }
            tracing::error!(
                issues = issues.iter().count(),
                "nothing was reloaded: the watches go on as they were"
            );
            return;
        }
    };
    match daemon.reload(config).await {
        Ok(done) => tracing::info!(
            kept = done.kept,
            changed = done.changed,
            started = done.started,
            stopped = done.stopped,
            consul = done.consul,
            roots = done.roots,
            "the files were reloaded"
        ),
        Err(error) => tracing::error!(%error, "the reload was not done in full"),
    }
}

/// What a signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignalAction {
    Reload,
    End,
}

struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
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
            _ = self.hang_up.recv() => SignalAction::Reload,
        }
    }
}
