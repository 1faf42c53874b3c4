//! The supervisor's commands to a watcher.

use std::sync::Arc;

use actix::prelude::*;
use tokio::{sync::oneshot, time::Instant};

use super::WatcherActor;
use crate::{
    messages::{subscription_id::SubscriptionId, watch_status::WatchState},
    query::Query,
    subscription::{in_flight::InFlight, registration::Subscribe},
};

impl<Q: Query> Handler<Subscribe<Q>> for WatcherActor<Q> {
    type Result = ();

    fn handle(&mut self, message: Subscribe<Q>, ctx: &mut Self::Context) {
        if self.ended {
            return;
        }
        let id = message.id;
        self.state.subscribe(message, Instant::now());
        self.deliver_next(id, ctx);
        if std::mem::take(&mut self.state.halted) {
            self.reporter.transition(WatchState::Connecting);
            self.poll(ctx);
        }
    }
}

/// Removes a subscriber. The sender is dropped when nothing more will be delivered to it.
///
/// Commands are no requests: a request whose mailbox is full enters it later than a command sent behind it,
/// and one that nobody waits for any more is never handled.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Unsubscribe(pub(crate) SubscriptionId, pub(crate) oneshot::Sender<()>);

impl<Q: Query> Handler<Unsubscribe> for WatcherActor<Q> {
    type Result = ();

    fn handle(&mut self, Unsubscribe(id, done): Unsubscribe, _: &mut Self::Context) {
        self.state.unsubscribe(id);
        drop(done);
    }
}

/// Ends the watcher. The sender is dropped when its request is closed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct End(pub(crate) oneshot::Sender<()>);

impl<Q: Query> Handler<End> for WatcherActor<Q> {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, End(done): End, ctx: &mut Self::Context) -> Self::Result {
        self.ended = true;
        self.state.topic.subscribers.clear();
        self.state.in_flight = InFlight::default();
        let members = self.close_members();
        self.lease = None;
        let inputs = self.unsubscribe_all();
        // Alive until its inputs are let go: one that found it gone would be ended by the way, and a stop
        // that comes behind would not wait for its request.
        let alive = ctx.address();
        let closed = self.end_life(ctx);
        Box::pin(async move {
            closed.await;
            members.await;
            inputs.await;
            drop((alive, done));
        })
    }
}

/// Starts the watcher afresh, with another source if one is given. The sender is dropped when its request is
/// closed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Restart<S>(pub(crate) Option<Arc<S>>, pub(crate) oneshot::Sender<()>);

impl<Q: Query> Handler<Restart<Q::Source>> for WatcherActor<Q> {
    type Result = ResponseFuture<()>;

    fn handle(
        &mut self,
        Restart(source, done): Restart<Q::Source>,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        if self.ended {
            return Box::pin(std::future::ready(()));
        }
        if let Some(source) = source {
            self.source = source;
            self.look_up();
        }
        if self.inputs.is_some() {
            // Its inputs are watches that start afresh themselves, and tell what they find.
            let closed = self.members_of_new_source(ctx);
            return Box::pin(async move {
                closed.await;
                drop(done);
            });
        }
        self.state.topic.query_state.interrupted();
        self.client = None;
        self.lease = None;
        self.state.backoff.reset();
        // What slowed the old one down says nothing of the new one.
        self.state.throttle.refill();
        self.state.next_attempt = None;
        self.state.halted = false;
        self.reporter.transition(WatchState::Connecting);
        let (members, closed) = (self.members_of_new_source(ctx), self.end_life(ctx));
        Box::pin(async move {
            closed.await;
            members.await;
            drop(done);
        })
    }
}
