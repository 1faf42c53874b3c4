//! What a supervisor tells the actor behind covered watches.

use std::sync::Arc;

use actix::{fut::wrap_future, prelude::*};
use tokio::{sync::oneshot, time::Instant};

use super::{Branch, CoveredActor};
use crate::{
    Query, Source,
    feeds::Feeds,
    link::Link,
    supervisor::{Died, Why},
    watcher::{End, Restart, Subscribe, Unsubscribe, WatcherState},
};

/// Takes a watch on.
///
/// One that is never read goes with the actor that it was sent to, and says so: the watch would be nobody's.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Begin<Q: Query> {
    link: Option<Link<Q>>,
    /// What it goes on with by itself then.
    spare: WatcherState<Q>,
}

impl<Q: Query> Begin<Q> {
    pub(crate) fn new(link: Link<Q>, spare: WatcherState<Q>) -> Self {
        Self {
            link: Some(link),
            spare,
        }
    }
}

impl<Q: Query> Drop for Begin<Q> {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else { return };
        if let Some(supervisor) = link.supervisor.upgrade() {
            let (key, incarnation) = (link.key.clone(), link.incarnation);
            let state = Box::new(std::mem::take(&mut self.spare));
            supervisor.do_send(Died {
                key,
                incarnation,
                why: Why::Panicked,
                state,
            });
        }
    }
}

impl<Q: Query> Handler<Begin<Q>> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, mut begin: Begin<Q>, ctx: &mut Self::Context) {
        let Some(link) = begin.link.take() else {
            return;
        };
        let branch = link.incarnation;
        if let Some(shared_with) = link.query.shared_with() {
            self.routes
                .insert(&shared_with.key_selector(&self.source), branch);
        }
        self.branches.insert(
            branch,
            Box::new(Branch {
                link,
                feeds: Feeds::default(),
                doubt: None,
            }),
        );
        self.cut(branch, ctx);
    }
}

/// A message for one of the watches, by the number of its incarnation.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ToBranch<M>(pub(crate) u64, pub(crate) M);

impl<Q: Query> Handler<ToBranch<Subscribe<Q>>> for CoveredActor<Q> {
    type Result = ();

    fn handle(
        &mut self,
        ToBranch(branch, message): ToBranch<Subscribe<Q>>,
        ctx: &mut Self::Context,
    ) {
        let Some(found) = self.branches.get_mut(&branch) else {
            return;
        };
        let id = message.id;
        self.owners.insert(id, branch);
        found.feeds.subscribe(message, Instant::now());
        self.pump(branch, id, ctx);
    }
}

impl<Q: Query> Handler<ToBranch<Unsubscribe>> for CoveredActor<Q> {
    type Result = ();

    fn handle(
        &mut self,
        ToBranch(branch, Unsubscribe(id)): ToBranch<Unsubscribe>,
        _: &mut Self::Context,
    ) {
        if let Some(branch) = self.branches.get_mut(&branch) {
            branch.feeds.subscribers.remove(id);
        }
        self.forget(id);
    }
}

impl<Q: Query> Handler<ToBranch<End>> for CoveredActor<Q> {
    type Result = ResponseFuture<()>;

    fn handle(
        &mut self,
        ToBranch(branch, End(done)): ToBranch<End>,
        _: &mut Self::Context,
    ) -> Self::Result {
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

/// Its requests are of the source before. Answered when they are closed.
impl<Q: Query> Handler<ToBranch<Restart<Q::Source>>> for CoveredActor<Q> {
    type Result = ResponseFuture<()>;

    fn handle(
        &mut self,
        ToBranch(branch, _): ToBranch<Restart<Q::Source>>,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        let (closed, parting) = (self.ask_afresh(branch, ctx), self.parting.clone());
        Box::pin(async move {
            if let Some(closed) = closed {
                closed.await;
            }
            if let Some(parting) = parting {
                parting.await;
            }
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
        self.places = self.source.connection_budget();
        self.client = None;
        let moved = self.branches.values().any(|branch| {
            let shared_with = branch.link.query.shared_with();
            shared_with.is_some_and(|shared_with| {
                shared_with.key_selector(&old) != shared_with.key_selector(&self.source)
            })
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
        for (number, branch) in &mut self.branches {
            let number = *number;
            // Its own until its request is closed, so that an end waits for that.
            let closed = wrap_future::<_, Self>(branch.close());
            ctx.spawn(closed.map(move |(), actor, ctx| actor.uncover(number, ctx)));
        }
    }
}

/// Nobody is served any more. What it carries is dropped when the wider watch is let go.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Finish(pub(crate) oneshot::Sender<()>);

impl<Q: Query> Handler<Finish> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, Finish(done): Finish, ctx: &mut Self::Context) {
        self.finished = true;
        let let_go = wrap_future::<_, Self>(self.let_go(Vec::<std::future::Ready<()>>::new()));
        // Alive until then: a subscriber that is found gone would be let go by the way, unwaited for. And no
        // longer, since what it waits for would keep it when its last address is dropped.
        let alive = ctx.address();
        ctx.spawn(let_go.map(move |(), _, ctx| {
            drop((alive, done));
            ctx.stop();
        }));
    }
}
