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
            shared_files::{ChangedFiles, passing_on},
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

/// A change of a reload: the watch that runs, and the one that is wanted, with its place in the files.
struct WatchChange {
    action: ReloadAction,
    from: Option<RunningWatch>,
    to: Option<(usize, WatchSpec)>,
}

/// The watch that runs after a change.
type AppliedChange = Option<(usize, RunningWatch)>;

impl WatchChange {
    /// Returns the checkpoint files of the watches that end and that start.
    fn files(&self) -> ChangedFiles {
        if matches!(
            self.action,
            ReloadAction::Keep { .. } | ReloadAction::ReplaceHandler { .. }
        ) {
            return (None, None);
        }
        let old = self.from.as_ref().map(|old| &old.spec);
        let new = self.to.as_ref().map(|(_, spec)| spec);
        let place = |spec: Option<&WatchSpec>| spec.and_then(WatchSpec::checkpoint_place);
        (place(old), place(new))
    }
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
            errors: ErrorHandlers::new(watches.clone().recipient()),
            watches,
            running: Vec::new(),
            proxies: Proxies::default(),
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
        let mut changes = Vec::new();
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
            changes.push(WatchChange { action, from, to });
        }
        let (mut running, mut failed) = (Vec::new(), None);
        for applied in self.apply_changes(changes, grace).await {
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

    /// Applies all changes of a reload, each on its own, but for those of watches that pass a checkpoint file on.
    async fn apply_changes(
        &self,
        changes: Vec<WatchChange>,
        grace: Duration,
    ) -> Vec<Result<AppliedChange, DaemonError>> {
        let files: Vec<_> = changes.iter().map(WatchChange::files).collect();
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        for (change, passes_on) in changes.into_iter().zip(passing_on(&files)) {
            if passes_on {
                together.push(change);
            } else {
                alone.push(self.apply_change(change, grace));
            }
        }
        let together = async {
            // A watch writes its file until it has ended.
            let ended = together
                .into_iter()
                .map(|change| self.end_old(change, grace));
            let ended = join_all(ended).await;
            join_all(
                ended
                    .into_iter()
                    .map(|(ended, new)| self.start_new(ended, new)),
            )
            .await
        };
        let (mut applied, together) = tokio::join!(join_all(alone), together);
        applied.extend(together);
        applied
    }

    /// Applies one change.
    async fn apply_change(
        &self,
        change: WatchChange,
        grace: Duration,
    ) -> Result<AppliedChange, DaemonError> {
        match change {
            WatchChange {
                action: ReloadAction::Keep { .. },
                from: Some(mut old),
                to: Some((at, spec)),
            } => {
                old.spec = spec;
                Ok(Some((at, old)))
            }
            WatchChange {
                action: ReloadAction::ReplaceHandler { .. },
                from: Some(mut old),
                to: Some((at, spec)),
            } => {
                let label = spec.label.clone();
                if let Err(source) = old.swap(spec, &self.errors, grace).await {
                    // Without a handler, the watch is of no use.
                    old.end(&self.watches, grace).await.removed();
                    return Err(DaemonError::Handler { label, source });
                }
                Ok(Some((at, old)))
            }
            change => {
                let (ended, new) = self.end_old(change, grace).await;
                self.start_new(ended, new).await
            }
        }
    }

    /// Ends the old watch of a change. Returns what is left of it, and the new watch.
    async fn end_old(
        &self,
        WatchChange { from, to, .. }: WatchChange,
        grace: Duration,
    ) -> (Option<EndedWatch>, Option<(usize, WatchSpec)>) {
        match from {
            Some(old) => (Some(old.end(&self.watches, grace).await), to),
            None => (None, to),
        }
    }

    /// Starts the new watch of a change.
    async fn start_new(
        &self,
        ended: Option<EndedWatch>,
        new: Option<(usize, WatchSpec)>,
    ) -> Result<AppliedChange, DaemonError> {
        let Some((at, spec)) = new else {
            ended.into_iter().for_each(EndedWatch::removed);
            return Ok(None);
        };
        let started = self.start_watch(spec, ended).await?;
        Ok(Some((at, started)))
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
