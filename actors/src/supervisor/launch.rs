//! Starts watchers on arbiters.

use std::sync::Arc;

use actix::{ArbiterHandle, prelude::*};

use super::arbiter_pool::ArbiterPool;
use crate::{
    query::Query,
    shared_query::SharedQuery,
    topic::{reporter::Reporter, state::WatcherState},
    watcher::WatcherActor,
};

/// The number of arbiters that are tried when the chosen one has stopped.
const MOST_ARBITERS: usize = 64;

/// Starts a watcher on an arbiter that takes it: the supervisor's own one, if all others have stopped.
pub(super) fn launch<Q: Query>(
    link: Reporter<Q>,
    source: &Arc<Q::Source>,
    arbiters: &mut ArbiterPool,
    state: WatcherState<Q>,
    members: Option<Box<SharedQuery<Q::Source>>>,
) -> Addr<WatcherActor<Q>> {
    let source = Arc::clone(source);
    let watcher =
        move |_: &mut Context<WatcherActor<Q>>| WatcherActor::new(link, source, state, members);
    actix::Supervisor::start_in_arbiter(&working(arbiters), watcher)
}

/// The next arbiter that works, or the supervisor's own one.
fn working(arbiters: &mut ArbiterPool) -> ArbiterHandle {
    // An arbiter that has stopped refuses everything; one that works takes the first thing it is sent.
    let arbiter = (0..MOST_ARBITERS)
        .map(|_| arbiters.next())
        .find(|arbiter| arbiter.spawn_fn(|| {}));
    arbiter.unwrap_or_else(Arbiter::current)
}
