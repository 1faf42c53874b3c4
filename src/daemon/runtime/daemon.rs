//! The watches that run, and how they become others.

use std::time::Duration;

use actix::prelude::*;
use consul_watch_actors::{Reset, Status, Stop, WatchStatus, WatchSupervisor};
use futures_util::future::join_all;

use crate::{
    client::{ConsulClient, ConsulConfig},
    daemon::{
        config::{
            daemon_config::DaemonConfig,
            root_spec::{RootSpec, same_prefixes},
            watch_spec::WatchSpec,
        },
        runtime::{
            daemon_error::DaemonError,
            reload_diff::{ReloadAction, reload_actions},
            running_watch::RunningWatch,
        },
    },
};

/// What a [`Daemon::reload`] did, in numbers of watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReloadSummary {
    /// Went on untouched.
    pub kept: usize,
    /// Went on with other settings.
    pub changed: usize,
    /// Are new.
    pub started: usize,
    /// Were stopped.
    pub stopped: usize,
    /// Whether Consul's own configuration is another one.
    pub consul: bool,
    /// Whether the files have other roots than those that hold. They hold until the service is started again.
    pub roots: bool,
}

/// The watches of configuration files, running. It belongs on a thread with an `actix` system.
///
/// [`run`](super::run) does all of it with signals; this is for an application that has its own.
pub struct Daemon {
    watches: Addr<WatchSupervisor<ConsulConfig>>,
    config: DaemonConfig,
    running: Vec<RunningWatch>,
}

impl Daemon {
    /// Starts all watches. Consul need not be there.
    ///
    /// # Errors
    ///
    /// What can be found without Consul; nothing runs then.
    pub async fn start(config: DaemonConfig) -> Result<Self, DaemonError> {
        ConsulClient::check(&config.consul)?;
        let supervisor = WatchSupervisor::new(config.consul.clone());
        let roots = config.roots.iter().map(RootSpec::query);
        let watches = roots.fold(supervisor, WatchSupervisor::shared_root).start();
        let mut daemon = Self {
            watches,
            running: Vec::new(),
            config,
        };
        let specs = daemon.config.watches.clone();
        for begun in join_all(
            specs
                .into_iter()
                .map(|spec| RunningWatch::start(&daemon.watches, spec, None)),
        )
        .await
        {
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

    /// Takes other files over. Watches that are the same go on untouched; where only the handler is another
    /// one, the watch goes on, and the new handler is not told what the old one has brought to a good end.
    ///
    /// # Errors
    ///
    /// [`DaemonError::Reset`] when Consul's new configuration cannot be used: everything goes on as it was.
    /// Any other error is about one watch, which is then not there; the others are as the files have them.
    pub async fn reload(&mut self, config: DaemonConfig) -> Result<ReloadSummary, DaemonError> {
        let mut reloaded = ReloadSummary {
            consul: config.consul != self.config.consul,
            ..ReloadSummary::default()
        };
        if reloaded.consul {
            self.watches
                .send(Reset::with(config.consul.clone()))
                .await??;
        }
        if !same_prefixes(&config.roots, &self.config.roots) {
            reloaded.roots = true;
            let (now, files): (Vec<_>, Vec<_>) =
                (self.config.roots().collect(), config.roots().collect());
            tracing::warn!(
                ?now,
                ?files,
                "other roots hold only when the service is started again"
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
            match action {
                ReloadAction::Keep { .. } => reloaded.kept += 1,
                ReloadAction::ReplaceHandler { .. } | ReloadAction::Resubscribe { .. } => {
                    reloaded.changed += 1
                }
                ReloadAction::Start { .. } => reloaded.started += 1,
                ReloadAction::Stop { .. } => reloaded.stopped += 1,
            }
            let (from, to) = match action {
                ReloadAction::Keep { old, new }
                | ReloadAction::ReplaceHandler { old, new }
                | ReloadAction::Resubscribe { old, new } => (Some(old), Some(new)),
                ReloadAction::Start { new } => (None, Some(new)),
                ReloadAction::Stop { old } => (Some(old), None),
            };
            let from = from.and_then(|at| old.get_mut(at)?.take());
            let to = to.and_then(|at| Some((at, config.watches.get(at)?.clone())));
            pending.push(self.apply_action(action, from, to, grace));
        }
        let (mut running, mut failed) = (Vec::new(), None);
        for applied in join_all(pending).await {
            match applied {
                Ok(applied) => running.extend(applied),
                Err(error) => {
                    tracing::error!(%error, "a watch is missing after the reload");
                    failed.get_or_insert(error);
                }
            }
        }
        running.sort_by_key(|(at, _)| *at);
        self.running = running
            .into_iter()
            .map(|(_, running_watch)| running_watch)
            .collect();
        // A supervisor has its roots for good, and a change of theirs is told until it has been made.
        let roots = std::mem::take(&mut self.config.roots);
        self.config = DaemonConfig { roots, ..config };
        failed.map_or(Ok(reloaded), Err)
    }

    /// Takes one step.
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
                if let Err(source) = old.swap(spec, grace).await {
                    // Without a handler there is nothing to watch for.
                    old.end(&self.watches, grace).await;
                    return Err(DaemonError::Handler { label, source });
                }
                Some((at, old))
            }
            (old, new) => {
                let mut seen = None;
                if let Some(old) = old {
                    seen = old.end(&self.watches, grace).await;
                }
                match new {
                    Some((at, spec)) => {
                        Some((at, RunningWatch::start(&self.watches, spec, seen).await?))
                    }
                    None => None,
                }
            }
        })
    }

    /// The configuration that runs; its roots are those of the start.
    pub fn config(&self) -> &DaemonConfig {
        &self.config
    }

    /// How the watches stand, sorted by path.
    ///
    /// # Errors
    ///
    /// [`DaemonError::Gone`].
    pub async fn status(&self) -> Result<Vec<WatchStatus>, DaemonError> {
        Ok(self.watches.send(Status::all()).await?)
    }

    /// Ends all: nothing more is delivered, and handlers come to their end within `shutdown_grace`.
    pub async fn stop(self) {
        // One that has gone has ended all its watches.
        let _ = self.watches.send(Stop::all()).await;
        let grace = self.config.shutdown_grace;
        join_all(
            self.running
                .into_iter()
                .map(|running_watch| running_watch.end(&self.watches, grace)),
        )
        .await;
    }
}
