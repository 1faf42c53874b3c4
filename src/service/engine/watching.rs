//! One watch that runs, with its handler.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{Stop, SubscriptionId, Watch, WatchError};
use futures_util::future::LocalBoxFuture;

use super::{
    super::spec::{HandlerSpec, WatchSpec},
    ServiceError,
    handler::HandlerError,
    relay::{End, Relay, Swap},
};
use crate::{
    WatchSupervisor,
    checkpoint::{Checkpoint, CheckpointFile},
    definition::ForQuery,
    handlers::Payload,
};

/// A watch that runs. Its type is forgotten.
pub(super) struct Watching {
    pub(super) spec: WatchSpec,
    subscription: SubscriptionId,
    swap: Recipient<Swap>,
    end: Recipient<End>,
}

impl Watching {
    /// Starts a watch, after what was `seen` of it.
    pub(super) async fn begin(
        watches: &Addr<WatchSupervisor>,
        spec: WatchSpec,
        seen: Option<Checkpoint>,
    ) -> Result<Self, ServiceError> {
        let file = spec.feed.checkpoint.as_ref().map(CheckpointFile::new);
        let seen = match (seen, &file) {
            (Some(seen), _) => Some(seen),
            (None, Some(file)) => file.load()?,
            (None, None) => None,
        };
        let begin = Begin {
            watches: watches.clone(),
            spec: &spec,
            file,
            seen,
        };
        let (subscription, swap, end) =
            spec.definition
                .with_query(begin)
                .await
                .map_err(|source| ServiceError::Watch {
                    label: spec.label.clone(),
                    source,
                })?;
        Ok(Self {
            spec,
            subscription,
            swap,
            end,
        })
    }

    /// Puts another handler in place of the one there is.
    pub(super) async fn swap(
        &mut self,
        spec: WatchSpec,
        grace: Duration,
    ) -> Result<(), HandlerError> {
        let swap = Swap {
            label: spec.label.as_str().into(),
            spec: spec.handler.clone(),
            grace,
        };
        self.spec = spec;
        self.swap.send(swap).await?
    }

    /// Ends the watch, and then the handler, which has so long to come to its end. Tells what was handled last.
    pub(super) async fn end(
        self,
        watches: &Addr<WatchSupervisor>,
        grace: Duration,
    ) -> Option<Checkpoint> {
        // A supervisor that has gone has ended all its watches.
        let _ = watches.send(Stop::subscription(self.subscription)).await;
        self.end.send(End { grace }).await.ok().flatten()
    }
}

struct Begin<'a> {
    watches: Addr<WatchSupervisor>,
    spec: &'a WatchSpec,
    file: Option<CheckpointFile>,
    seen: Option<Checkpoint>,
}

type Begun = Result<(SubscriptionId, Recipient<Swap>, Recipient<End>), WatchError>;

impl ForQuery for Begin<'_> {
    type Output = LocalBoxFuture<'static, Begun>;

    fn with<Q: Payload>(self, query: Q) -> Self::Output {
        let Self {
            watches,
            spec,
            file,
            seen,
        } = self;
        let path = query.path();
        let label: Arc<str> = spec.label.as_str().into();
        // A program that goes on running needs a first state, or it would not be started.
        let skips = !matches!(spec.handler, HandlerSpec::Exec(_));
        let relay = Relay::<Q>::new(label, spec.handler.clone(), file, seen.clone()).start();
        let mut watch = Watch::new(query, relay.clone()).observer(relay.clone());
        if let Some(quiescence) = spec.feed.quiescence {
            watch = watch.quiescence(quiescence);
        }
        match seen {
            Some(seen) if skips => watch = seen.resume(watch),
            _ if spec.feed.changes_only => watch = watch.changes_only(),
            _ => {}
        }
        Box::pin(async move {
            match watches.send(watch).await {
                Ok(begun) => Ok((begun?, relay.clone().recipient(), relay.recipient())),
                Err(_) => Err(WatchError::SubscriberGone { path }),
            }
        })
    }
}
