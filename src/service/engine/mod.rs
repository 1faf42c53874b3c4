//! The watches that run, and how they become others.

mod handler;
mod plan;
mod relay;
mod watching;

use std::time::Duration;

use actix::prelude::*;
use consul_watch_actors::{ResetError, Status, Stop, WatchError, WatchStatus};
use futures_util::future::join_all;

pub use self::handler::HandlerError;
use self::{
    plan::{Step, plan},
    watching::Watching,
};
use super::{
    fault::ConfigErrors,
    spec::{Root, ServiceConfig, WatchSpec, are_same},
};
use crate::{
    ConsulClient, Reset, WatchSupervisor, checkpoint::CheckpointError, client::ConfigError,
};

/// Why the service cannot do what it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The files cannot be used.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// Consul's configuration cannot be used.
    #[error(transparent)]
    Consul(#[from] ConfigError),
    /// Consul's new configuration was refused.
    #[error(transparent)]
    Reset(#[from] ResetError),
    /// A watch cannot be begun.
    #[error("the watch `{label}` cannot be begun: {source}")]
    Watch {
        /// Which one.
        label: String,
        /// Why.
        #[source]
        source: WatchError,
    },
    /// A handler cannot be started.
    #[error("the handler of the watch `{label}` cannot be started: {source}")]
    Handler {
        /// Of which watch.
        label: String,
        /// Why.
        #[source]
        source: HandlerError,
    },
    /// A checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The system gives us no signals.
    #[error("signals cannot be waited for: {0}")]
    Signals(#[source] std::io::Error),
    /// The actor that owns the watches is gone.
    #[error("the watches have ended unexpectedly")]
    Gone(#[from] MailboxError),
}

/// What a [`Service::reload`] did, in numbers of watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Reloaded {
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
pub struct Service {
    watches: Addr<WatchSupervisor>,
    config: ServiceConfig,
    running: Vec<Watching>,
}

impl Service {
    /// Starts all watches. Consul need not be there.
    ///
    /// # Errors
    ///
    /// What can be found without Consul; nothing runs then.
    pub async fn start(config: ServiceConfig) -> Result<Self, ServiceError> {
        ConsulClient::check(&config.consul)?;
        let supervisor = WatchSupervisor::new(config.consul.clone());
        let roots = config.roots.iter().map(Root::query);
        let watches = roots.fold(supervisor, WatchSupervisor::shared_root).start();
        let mut service = Self {
            watches,
            running: Vec::new(),
            config,
        };
        let specs = service.config.watches.clone();
        for begun in join_all(
            specs
                .into_iter()
                .map(|spec| Watching::begin(&service.watches, spec, None)),
        )
        .await
        {
            match begun {
                Ok(watching) => service.running.push(watching),
                Err(error) => {
                    service.stop().await;
                    return Err(error);
                }
            }
        }
        Ok(service)
    }

    /// Takes other files over. Watches that are the same go on untouched; where only the handler is another
    /// one, the watch goes on, and the new handler is not told what the old one has brought to a good end.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Reset`] when Consul's new configuration cannot be used: everything goes on as it was.
    /// Any other error is about one watch, which is then not there; the others are as the files have them.
    pub async fn reload(&mut self, config: ServiceConfig) -> Result<Reloaded, ServiceError> {
        let mut reloaded = Reloaded {
            consul: config.consul != self.config.consul,
            ..Reloaded::default()
        };
        if reloaded.consul {
            self.watches
                .send(Reset::with(config.consul.clone()))
                .await??;
        }
        if !are_same(&config.roots, &self.config.roots) {
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
        let steps = plan(
            &self
                .running
                .iter()
                .map(|watching| &watching.spec)
                .collect::<Vec<_>>(),
            &config.watches,
        );
        let mut old: Vec<_> = std::mem::take(&mut self.running)
            .into_iter()
            .map(Some)
            .collect();
        let mut turns = Vec::new();
        for step in steps {
            match step {
                Step::Keep { .. } => reloaded.kept += 1,
                Step::Swap { .. } | Step::Replace { .. } => reloaded.changed += 1,
                Step::Start { .. } => reloaded.started += 1,
                Step::Stop { .. } => reloaded.stopped += 1,
            }
            let (from, to) = match step {
                Step::Keep { old, new } | Step::Swap { old, new } | Step::Replace { old, new } => {
                    (Some(old), Some(new))
                }
                Step::Start { new } => (None, Some(new)),
                Step::Stop { old } => (Some(old), None),
            };
            let from = from.and_then(|at| old.get_mut(at)?.take());
            let to = to.and_then(|at| Some((at, config.watches.get(at)?.clone())));
            turns.push(self.turn(step, from, to, grace));
        }
        let (mut running, mut failed) = (Vec::new(), None);
        for turned in join_all(turns).await {
            match turned {
                Ok(turned) => running.extend(turned),
                Err(error) => {
                    tracing::error!(%error, "a watch is missing after the reload");
                    failed.get_or_insert(error);
                }
            }
        }
        running.sort_by_key(|(at, _)| *at);
        self.running = running.into_iter().map(|(_, watching)| watching).collect();
        // A supervisor has its roots for good, and a change of theirs is told until it has been made.
        let roots = std::mem::take(&mut self.config.roots);
        self.config = ServiceConfig { roots, ..config };
        failed.map_or(Ok(reloaded), Err)
    }

    /// Takes one step.
    async fn turn(
        &self,
        step: Step,
        old: Option<Watching>,
        new: Option<(usize, WatchSpec)>,
        grace: Duration,
    ) -> Result<Option<(usize, Watching)>, ServiceError> {
        let keeps = matches!(step, Step::Keep { .. });
        let swaps = matches!(step, Step::Swap { .. });
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
                    return Err(ServiceError::Handler { label, source });
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
                        Some((at, Watching::begin(&self.watches, spec, seen).await?))
                    }
                    None => None,
                }
            }
        })
    }

    /// The configuration that runs; its roots are those of the start.
    pub fn config(&self) -> &ServiceConfig {
        &self.config
    }

    /// How the watches stand, sorted by path.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Gone`].
    pub async fn status(&self) -> Result<Vec<WatchStatus>, ServiceError> {
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
                .map(|watching| watching.end(&self.watches, grace)),
        )
        .await;
    }
}
