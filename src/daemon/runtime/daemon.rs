//! Runs the configured watches and applies reloads.

use std::time::Duration;

use actix::prelude::*;
use consul_watch_actors::{Reset, StartAfresh, Status, Stop, WatchStatus, WatchSupervisor};
use futures_util::future::{join, join_all};

use crate::{
    client::{ConsulClient, ConsulConfig, FileDigests},
    daemon::{
        config::{
            daemon_config::DaemonConfig,
            root_spec::{RootSpec, same_prefixes},
            watch_spec::WatchSpec,
        },
        runtime::{
            daemon_error::DaemonError,
            error_handlers::ErrorHandlers,
            proxies::Proxies,
            reload_diff::{ReloadAction, reload_actions},
            reload_summary::ReloadSummary,
            running_watch::{EndedWatch, RunningWatch},
        },
    },
};

/// The running watches of configuration files, for an application that handles signals itself.
///
/// It must be used on a thread that runs an `actix` system. [`run`](crate::daemon::run) adds signals and systemd.
///
/// ```no_run
/// use consul_watch::{
///     ConsulConfig,
///     daemon::{Daemon, DaemonConfig},
/// };
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let load = || DaemonConfig::load(&["/etc/consul-watch.d".into()], &ConsulConfig::from_env().unwrap_or_default());
/// let mut daemon = Daemon::start(load()?).await?;
/// let summary = daemon.reload(load()?).await?;
/// println!("{} watches continue untouched", summary.kept);
/// daemon.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct Daemon {
    watches: Addr<WatchSupervisor<ConsulConfig>>,
    config: DaemonConfig,
    /// The files that clients of Consul were made with.
    files: FileDigests,
    running: Vec<RunningWatch>,
    /// All that have not ended, also those that a reload is replacing.
    proxies: Proxies,
    errors: ErrorHandlers,
}

impl Daemon {
    /// Starts all watches. Consul need not be running yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the Consul configuration, a watch, a handler or a checkpoint is unusable. Nothing
    /// runs then.
    pub async fn start(config: DaemonConfig) -> Result<Self, DaemonError> {
        // Before they are used: what changes meanwhile is found by the next reload.
        let files = FileDigests::of(&config.consul);
        ConsulClient::check(&config.consul)?;
        let supervisor = WatchSupervisor::new(config.consul.clone());
        let roots = config.roots.iter().map(RootSpec::query);
        let watches = roots.fold(supervisor, WatchSupervisor::shared_root).start();
        let mut daemon = Self {
            watches,
            running: Vec::new(),
            proxies: Proxies::default(),
            errors: ErrorHandlers::default(),
            files,
            config,
        };
        let specs = daemon.config.watches.clone();
        for begun in join_all(specs.into_iter().map(|spec| daemon.start_watch(spec, None))).await {
            match begun {
                Ok(running_watch) => daemon.running.push(running_watch),
                Err(error) => {
                    daemon.stop().await;
                    return Err(error);
                }
            }
        }
        Ok(daemon)
    }

    /// Applies another configuration.
    ///
    /// Unchanged watches continue untouched. If only its handler changed, a watch continues, and the new handler
    /// does not receive what the old one has handled successfully. Replaced handlers have `shutdown_grace` of the
    /// old configuration to finish. Changed roots have no effect until the daemon restarts.
    ///
    /// Files of tokens, certificates and keys are read again where their content has changed. A watch that has stopped, or
    /// that waits after a failure, starts afresh.
    ///
    /// # Errors
    ///
    /// Returns [`DaemonError::Reset`] if the new Consul configuration is unusable; all watches then continue
    /// unchanged. Any other error concerns one watch, which no longer runs; all others follow the new
    /// configuration.
    ///
    /// # Cancellation
    ///
    /// It waits for the handlers that are replaced. If its future is dropped before it is ready, watches may be without a
    /// handler: [`stop`](Self::stop) then ends all of them in order.
    pub async fn reload(&mut self, config: DaemonConfig) -> Result<ReloadSummary, DaemonError> {
        let files = FileDigests::of(&config.consul);
        let mut reloaded = ReloadSummary {
            read_again: files.differing_from(&self.files),
            ..ReloadSummary::default()
        };
        reloaded.consul = config.consul != self.config.consul || !reloaded.read_again.is_empty();
        if reloaded.consul {
            self.watches
                .send(Reset::with(config.consul.clone()))
                .await??;
        }
        self.files = files;
        if !same_prefixes(&config.roots, &self.config.roots) {
            reloaded.roots = true;
            let listed = |config: &DaemonConfig| config.roots().collect::<Vec<_>>().join(" ");
            tracing::warn!(
                now = listed(&self.config),
                files = listed(&config),
                "changed roots take effect when the daemon restarts"
            );
        }
        let grace = self.config.shutdown_grace;
        let actions = reload_actions(
            &self
                .running
                .iter()
                .map(|running_watch| &running_watch.spec)
                .collect::<Vec<_>>(),
            &config.watches,
        );
        let mut old: Vec<_> = std::mem::take(&mut self.running)
            .into_iter()
            .map(Some)
            .collect();
        let mut pending = Vec::new();
        for action in actions {
            let (from, to) = match action {
                ReloadAction::Keep { old, new }
                | ReloadAction::ReplaceHandler { old, new }
                | ReloadAction::Resubscribe { old, new } => (Some(old), Some(new)),
                ReloadAction::Start { new } => (None, Some(new)),
                ReloadAction::Stop { old } => (Some(old), None),
            };
            let from = from.and_then(|at| old.get_mut(at)?.take());
            let to = to.and_then(|at| Some((at, config.watches.get(at)?.clone())));
            let from_spec = from.as_ref().map(|running_watch| &running_watch.spec);
            reloaded.count(action, from_spec, to.as_ref().map(|(_, spec)| spec));
            pending.push(self.apply_action(action, from, to, grace));
        }
        let (mut running, mut failed) = (Vec::new(), None);
        for applied in join_all(pending).await {
            match applied {
                Ok(applied) => running.extend(applied),
                Err(error) => {
                    tracing::error!(%error, "watch not running after the reload");
                    failed.get_or_insert(error);
                }
            }
        }
        self.proxies.forget_ended();
        running.sort_by_key(|(at, _)| *at);
        self.running = running
            .into_iter()
            .map(|(_, running_watch)| running_watch)
            .collect();
        if !reloaded.consul {
            let afresh = self.watches.send(StartAfresh).await?;
            for running_watch in &self.running {
                if afresh.contains(&running_watch.subscription()) {
                    reloaded
                        .labels
                        .afresh
                        .push(running_watch.spec.label.clone());
                }
            }
            reloaded.afresh = reloaded.labels.afresh.len();
        }
        self.errors.keep(
            config
                .watches
                .iter()
                .filter_map(|spec| spec.on_error.as_ref()),
        );
        // The supervisor keeps its roots, and each reload warns until they match the files.
        let roots = std::mem::take(&mut self.config.roots);
        self.config = DaemonConfig { roots, ..config };
        failed.map_or(Ok(reloaded), Err)
    }

    fn start_watch(
        &self,
        spec: WatchSpec,
        old: Option<EndedWatch>,
    ) -> impl Future<Output = Result<RunningWatch, DaemonError>> {
        RunningWatch::start(&self.watches, &self.proxies, &self.errors, spec, old)
    }

    /// Applies one action to a watch.
    async fn apply_action(
        &self,
        action: ReloadAction,
        old: Option<RunningWatch>,
        new: Option<(usize, WatchSpec)>,
        grace: Duration,
    ) -> Result<Option<(usize, RunningWatch)>, DaemonError> {
        let keeps = matches!(action, ReloadAction::Keep { .. });
        let swaps = matches!(action, ReloadAction::ReplaceHandler { .. });
        Ok(match (old, new) {
            (Some(mut old), Some((at, spec))) if keeps => {
                old.spec = spec;
                Some((at, old))
            }
            (Some(mut old), Some((at, spec))) if swaps => {
                let label = spec.label.clone();
                if let Err(source) = old.swap(spec, &self.errors, grace).await {
                    // Without a handler, the watch is of no use.
                    old.end(&self.watches, grace).await.removed();
                    return Err(DaemonError::Handler { label, source });
                }
                Some((at, old))
            }
            (old, new) => {
                let mut ended = None;
                if let Some(old) = old {
                    ended = Some(old.end(&self.watches, grace).await);
                }
                match (ended, new) {
                    (ended, Some((at, spec))) => Some((at, self.start_watch(spec, ended).await?)),
                    (ended, None) => {
                        ended.into_iter().for_each(EndedWatch::removed);
                        None
                    }
                }
            }
        })
    }

    /// Returns the running configuration. Its roots are those of the start.
    pub fn config(&self) -> &DaemonConfig {
        &self.config
    }

    /// Returns the status of all watches, sorted by path.
    ///
    /// # Errors
    ///
    /// Returns [`DaemonError::Gone`] if the supervisor of the watches is gone.
    pub async fn status(&self) -> Result<Vec<WatchStatus>, DaemonError> {
        Ok(self.watches.send(Status::all()).await?)
    }

    /// Stops all watches: nothing more is delivered, and handlers have `shutdown_grace` to finish.
    pub async fn stop(self) {
        // A supervisor that is gone has ended all its watches.
        let _ = self.watches.send(Stop::all()).await;
        let grace = self.config.shutdown_grace;
        // A failure that continues when the daemon stops has not recovered, so nothing is announced from here on.
        join(self.errors.stop(grace), self.proxies.stop(grace)).await;
    }
}
