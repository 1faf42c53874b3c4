//! What a supervisor tells the actor behind covered watches.

use std::sync::Arc;

use actix::prelude::*;
use tokio::{sync::oneshot, time::Instant};

use super::{Branch, CoveredActor};
use crate::{
    Query, Source,
    feeds::Feeds,
    link::Link,
    watcher::{End, Subscribe, Unsubscribe},
};

/// Takes a watch on.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Begin<Q: Query>(pub(crate) Link<Q>);

impl<Q: Query> Handler<Begin<Q>> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, Begin(link): Begin<Q>, ctx: &mut Self::Context) {
        let branch = link.incarnation;
        if let Some(coverage) = link.query.coverage() {
            self.routes.insert(coverage.route(&self.source), branch);
        }
        self.branches.insert(branch, Branch { link, feeds: Feeds::default(), doubt: None });
        self.cut(branch, ctx);
    }
}

/// A message for one of the watches, by the number of its incarnation.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ToBranch<M>(pub(crate) u64, pub(crate) M);

impl<Q: Query> Handler<ToBranch<Subscribe<Q>>> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, ToBranch(branch, message): ToBranch<Subscribe<Q>>, ctx: &mut Self::Context) {
        let Some(found) = self.branches.get_mut(&branch) else { return };
        let id = message.id;
        self.owners.insert(id, branch);
        found.feeds.subscribe(message, Instant::now());
        self.pump(branch, id, ctx);
    }
}

impl<Q: Query> Handler<ToBranch<Unsubscribe>> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, ToBranch(branch, Unsubscribe(id)): ToBranch<Unsubscribe>, _: &mut Self::Context) {
        if let Some(branch) = self.branches.get_mut(&branch) {
            branch.feeds.subscribers.remove(id);
        }
        self.forget(id);
    }
}

impl<Q: Query> Handler<ToBranch<End>> for CoveredActor<Q> {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, ToBranch(branch, End(done)): ToBranch<End>, _: &mut Self::Context) -> Self::Result {
        let closed = self.remove(branch).map(|mut branch| {
            for id in branch.feeds.subscribers.keys() {
                self.forget(id);
            }
            branch.close()
        });
        Box::pin(async move {
            if let Some(closed) = closed {
                closed.await;
            }
            drop(done);
        })
    }
}

/// The wider watch starts afresh, with this source.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Renew<S: Source>(pub(crate) Arc<S>);

impl<Q: Query> Handler<Renew<Q::Source>> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, Renew(source): Renew<Q::Source>, ctx: &mut Self::Context) {
        let old = std::mem::replace(&mut self.source, source);
        self.places = self.source.places();
        self.client = None;
        let moved = self.branches.values().any(|branch| {
            let coverage = branch.link.query.coverage();
            coverage.is_some_and(|coverage| coverage.route(&old) != coverage.route(&self.source))
        });
        if moved {
            self.start_over(ctx);
        }
    }
}

/// Subscribes to the wider watch again, which was ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Follow;

impl<Q: Query> Handler<Follow> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, _: Follow, ctx: &mut Self::Context) {
        for branch in self.branches.values_mut() {
            branch.feeds.progress.interrupted();
        }
        self.follow(ctx);
    }
}

/// The wider query cannot be answered: every watch asks by itself.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Uncover;

impl<Q: Query> Handler<Uncover> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, _: Uncover, ctx: &mut Self::Context) {
        for branch in self.branches.keys().copied().collect::<Vec<_>>() {
            self.uncover(branch, ctx);
        }
    }
}

/// Nobody is served any more. What it carries is dropped when the wider watch is let go.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Finish(pub(crate) oneshot::Sender<()>);

impl<Q: Query> Handler<Finish> for CoveredActor<Q> {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Finish(done): Finish, ctx: &mut Self::Context) -> Self::Result {
        self.finished = true;
        let let_go = self.let_go();
        // Alive until then: a subscriber that is found gone would be let go by the way, unwaited for.
        let alive = ctx.address();
        Box::pin(async move {
            let_go.await;
            drop((alive, done));
        })
    }
}
