//! One running watch and its handler.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{Stop, SubscriptionId, Watch, WatchError, WatchSupervisor};
use futures_util::future::LocalBoxFuture;

use crate::{
    checkpoint::{Checkpoint, CheckpointFile},
    client::ConsulConfig,
    daemon::{
        config::{handler_spec::HandlerSpec, watch_spec::WatchSpec},
        runtime::{
            daemon_error::DaemonError,
            error_handlers::{ErrorHandlers, ErrorReporter},
            handler_proxy::{
                HandlerProxy, ReplaceHandler, Skipped, SkippedFirst, SkippedState, StopProxy,
            },
            handler_view::handler_view,
            proxies::Proxies,
            running_handler::HandlerError,
        },
    },
    definition::QueryVisitor,
    handlers::HandlerPayload,
};

/// A running watch. Its query type is erased.
pub(super) struct RunningWatch {
    pub(super) spec: WatchSpec,
    errors: ErrorReporter,
    subscription: SubscriptionId,
    swap: Recipient<ReplaceHandler>,
    end: Recipient<StopProxy>,
}

impl RunningWatch {
    /// Starts a watch that resumes after its checkpoint, or that takes the place of another one.
    pub(super) async fn start(
        watches: &Addr<WatchSupervisor<ConsulConfig>>,
        proxies: &Proxies,
        errors: &ErrorHandlers,
        spec: WatchSpec,
        old: Option<EndedWatch>,
    ) -> Result<Self, DaemonError> {
        let settings = spec.on_error.as_ref();
        let errors = match &old {
            Some(old) => errors.successor(&old.errors, settings),
            None => errors.reporter(&spec.label, settings),
        };
        let errors = errors.map_err(|source| DaemonError::Handler {
            label: spec.label.clone(),
            source: source.into(),
        })?;
        let seen = old.and_then(|old| {
            old.errors.replaced_by(&errors);
            old.seen
        });
        let file = spec.delivery.checkpoint.as_ref().map(CheckpointFile::new);
        // A reload may have named another file.
        let moves_seen = seen.is_some();
        let seen = match (seen, &file) {
            (Some(seen), _) => Some(seen),
            (None, Some(file)) => file.load_for(&spec.label, &spec.path)?,
            (None, None) => None,
        };
        let start = StartWatch {
            watches: watches.clone(),
            proxies,
            spec: &spec,
            errors: errors.clone(),
            file,
            seen,
            moves_seen,
        };
        let (subscription, swap, end) =
            spec.definition
                .visit(start)
                .await
                .map_err(|source| DaemonError::Watch {
                    label: spec.label.clone(),
                    source,
                })?;
        if matches!(spec.handler, HandlerSpec::Exec(_)) {
            errors.kept_from_now();
        }
        Ok(Self {
            spec,
            errors,
            subscription,
            swap,
            end,
        })
    }

    pub(super) fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// Replaces the handler. The old one has this long to finish.
    pub(super) async fn swap(
        &mut self,
        spec: WatchSpec,
        errors: &ErrorHandlers,
        grace: Duration,
    ) -> Result<(), HandlerError> {
        let next = errors.successor(&self.errors, spec.on_error.as_ref())?;
        let swap = ReplaceHandler {
            label: spec.label.as_str().into(),
            spec: spec.handler.clone(),
            errors: next.clone(),
            grace,
        };
        self.spec = spec;
        let swapped = self.swap.send(swap).await;
        std::mem::replace(&mut self.errors, next).replaced_by(&self.errors);
        swapped??;
        if matches!(self.spec.handler, HandlerSpec::Exec(_)) {
            self.errors.kept_from_now();
        }
        Ok(())
    }

    /// Ends the watch, and then the handler, which has this long to finish.
    pub(super) async fn end(
        self,
        watches: &Addr<WatchSupervisor<ConsulConfig>>,
        grace: Duration,
    ) -> EndedWatch {
        // A supervisor that has gone has ended all its watches.
        let _ = watches.send(Stop::subscription(self.subscription)).await;
        EndedWatch {
            seen: self.end.send(StopProxy { grace }).await.ok().flatten(),
            errors: self.errors,
        }
    }
}

/// The remains of a watch, for one that takes its place.
pub(super) struct EndedWatch {
    /// The state that was handled last.
    seen: Option<Checkpoint>,
    errors: ErrorReporter,
}

impl EndedWatch {
    /// No watch takes its place.
    pub(super) fn removed(self) {
        self.errors.removed();
    }
}

struct StartWatch<'a> {
    watches: Addr<WatchSupervisor<ConsulConfig>>,
    proxies: &'a Proxies,
    spec: &'a WatchSpec,
    errors: ErrorReporter,
    file: Option<CheckpointFile>,
    seen: Option<Checkpoint>,
    moves_seen: bool,
}

type StartedWatch = Result<
    (
        SubscriptionId,
        Recipient<ReplaceHandler>,
        Recipient<StopProxy>,
    ),
    WatchError,
>;

impl QueryVisitor for StartWatch<'_> {
    type Output = LocalBoxFuture<'static, StartedWatch>;

    fn visit_query<Q: HandlerPayload>(self, query: Q) -> Self::Output {
        let Self {
            watches,
            proxies,
            spec,
            errors,
            file,
            seen,
            moves_seen,
        } = self;
        let (path, watched) = (query.path(), Arc::new(query.clone()));
        let label: Arc<str> = spec.label.as_str().into();
        // An exec program starts with the first state, so it needs one.
        let skips = !matches!(spec.handler, HandlerSpec::Exec(_));
        let (view, parts) = handler_view::<Q>(&spec.delivery.view).unzip();
        let handler_proxy =
            HandlerProxy::<Q>::new(label, spec.handler.clone(), errors, file, seen.clone())
                .with_view(parts.clone())
                .moving_seen(moves_seen)
                .start();
        proxies.add(handler_proxy.clone().recipient());
        let mut watch = Watch::new(query, handler_proxy.clone()).observer(handler_proxy.clone());
        if let Some(view) = view {
            let (proxy, query) = (handler_proxy.clone(), Arc::clone(&watched));
            watch = watch.view(view).on_skipped(move |value, index| {
                // The engine drops this closure, and with it the address, with the subscription.
                proxy.do_send(Skipped(SkippedState {
                    query: Arc::clone(&query),
                    value: Arc::clone(value),
                    index,
                }));
            });
        }
        if let Some(quiescence) = spec.delivery.quiescence {
            watch = watch.quiescence(quiescence);
        }
        let changes_only = spec.delivery.changes_only;
        watch = match (seen, parts) {
            (Some(seen), Some(parts)) if skips || changes_only => seen.resume_in_view(watch, parts),
            (Some(seen), None) if skips || changes_only => seen.resume(watch),
            (_, parts) if changes_only => {
                let proxy = handler_proxy.clone();
                watch.skip_first_when(move |first| {
                    let seen = Checkpoint::of_first(&*watched, first, parts.as_ref());
                    proxy.do_send(SkippedFirst(seen));
                    true
                })
            }
            _ => watch,
        };
        Box::pin(async move {
            match watches.send(watch).await {
                Ok(begun) => Ok((
                    begun?,
                    handler_proxy.clone().recipient(),
                    handler_proxy.recipient(),
                )),
                Err(_) => Err(WatchError::SubscriberGone { path }),
            }
        })
    }
}
