//! The actor behind covered watches: they ask nobody, and are told their parts of a wider watch's value.

mod branch;
mod cover;
mod doubts;
mod orders;
mod owners;
mod routes;

use std::{
    any::Any,
    collections::{BTreeSet, HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use actix::{WeakAddr, fut::wrap_future, prelude::*};
use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, Shared, join_all},
};
use tokio::time::Instant;

use self::{
    branch::{Branch, Doubt},
    owners::Owners,
    routes::Routes,
};
pub(crate) use self::{
    cover::Cover,
    orders::{Begin, Finish, Follow, Renew, ToBranch, Uncover},
};
use crate::{
    Answer, Backoff, Changed, ConnectionBudget, Extracted, Input, Item, Position, Query, Reason,
    Source, Stop, SubscriptionId, Throttle, WatchState, WatchSupervisor,
    derive::Asked,
    feeds::{Pumped, Taken},
    subscription::{
        acknowledgements::{DeliveryHost, DriveDeliveries},
        in_flight::{Acknowledgement, InFlight, Outbox},
    },
    supervisor::{Died, ReportKind, Why},
    watcher::WatcherState,
};

/// Serves the covered watches of one type by the value of one wider watch, to which it is a subscriber.
pub(crate) struct CoveredActor<Q: Query> {
    covering: Input<Q>,
    supervisor: WeakAddr<WatchSupervisor<Q::Source>>,
    backoff: Backoff,
    throttle: Throttle,
    source: Arc<Q::Source>,
    places: Option<ConnectionBudget>,
    client: Option<<Q::Source as Source>::Client>,
    /// None while the wider watch is let go to be subscribed to anew.
    subscription: Option<Asked>,
    /// What was to be closed when it was let go.
    parting: Option<Shared<LocalBoxFuture<'static, ()>>>,
    whole: Option<Whole>,
    /// The wider value may still be of the source before, which had other entries.
    unsure: bool,
    /// By the numbers of their incarnations.
    branches: HashMap<u64, Box<Branch<Q>>>,
    owners: Owners,
    routes: Routes,
    in_flight: InFlight,
    timer: Option<Instant>,
    to_confirm: VecDeque<u64>,
    asking: usize,
    finished: bool,
}

/// The wider watch's value.
#[derive(Clone)]
pub(super) struct Whole {
    value: Arc<dyn Any + Send + Sync>,
    index: u64,
}

impl<Q: Query> CoveredActor<Q> {
    pub(crate) fn new(
        covering: Input<Q>,
        supervisor: WeakAddr<WatchSupervisor<Q::Source>>,
        source: Arc<Q::Source>,
        backoff: Backoff,
        throttle: Throttle,
    ) -> Self {
        Self {
            covering,
            supervisor,
            backoff,
            throttle,
            places: source.connection_budget(),
            source,
            client: None,
            subscription: None,
            parting: None,
            whole: None,
            unsure: false,
            branches: HashMap::new(),
            owners: Owners::default(),
            routes: Routes::default(),
            in_flight: InFlight::default(),
            timer: None,
            to_confirm: VecDeque::new(),
            asking: 0,
            finished: false,
        }
    }

    /// Subscribes to the wider watch; being subscribed already does no harm.
    fn follow(&mut self, ctx: &mut Context<Self>) {
        if let Some(supervisor) = self.supervisor.upgrade() {
            let asked = self.covering.serve(&supervisor, ctx.address().downgrade());
            // Waited for here too, or the message might never be sent.
            ctx.spawn(wrap_future(asked.clone()).map(|_, _, _| ()));
            self.subscription = Some(asked);
        }
    }

    /// The entries that the watches are about are others now: what is known of the wider value says nothing
    /// of them, so it is subscribed to anew.
    fn start_over(&mut self, ctx: &mut Context<Self>) {
        self.whole = None;
        self.unsure = true;
        self.routes.clear();
        let mut closed = Vec::new();
        for (number, branch) in &mut self.branches {
            if let Some(shared_with) = branch.link.query.shared_with() {
                self.routes
                    .insert(&shared_with.key_selector(&self.source), *number);
            }
            branch.feeds.progress.interrupted();
            closed.push(branch.close());
        }
        let let_go = wrap_future::<_, Self>(self.let_go(closed));
        ctx.spawn(let_go.map(|(), actor, ctx| {
            if !actor.finished {
                actor.follow(ctx);
            }
        }));
    }

    /// Lets the wider watch go: the future resolves when nobody asks for it any more, and these are closed.
    fn let_go(
        &mut self,
        closed: Vec<impl Future<Output = ()> + 'static>,
    ) -> Shared<LocalBoxFuture<'static, ()>> {
        let (asked, supervisor) = (self.subscription.take(), self.supervisor.upgrade());
        let before = self.parting.take();
        let parting = async move {
            join_all(closed).await;
            if let Some(before) = before {
                before.await;
            }
            let (Some(asked), Some(supervisor)) = (asked, supervisor) else {
                return;
            };
            if let Some(id) = asked.await {
                // A supervisor that has gone has ended its watches itself.
                let _ = supervisor.send(Stop::subscription(id)).await;
            }
        };
        self.parting.insert(parting.boxed_local().shared()).clone()
    }

    /// Whether this subscription to the wider watch is the one that counts.
    fn follows(&self, id: SubscriptionId) -> bool {
        // Its first value may come before the word of it.
        self.subscription.as_ref().is_some_and(|asked| {
            asked
                .peek()
                .is_none_or(|followed| followed.is_none_or(|followed| followed == id))
        })
    }

    /// Gives a watch its part of the wider value.
    fn cut(&mut self, number: u64, ctx: &mut Context<Self>) {
        let Some(branch) = self.branches.get_mut(&number) else {
            return;
        };
        if let Some(doubt) = branch.doubt.as_mut().filter(|doubt| !doubt.pausing) {
            doubt.stale = true;
            return;
        }
        let Some(whole) = self.whole.clone() else {
            return;
        };
        let mut part = part(&*self.source, branch, &whole);
        if let Some(part) = &mut part {
            // What it has shown already protects a watch: all of that would be gone.
            part.confirm |= self.unsure && branch.feeds.progress.current().is_none();
        }
        match (part, &mut branch.doubt) {
            // It is asked again when its pause is over, however often there is something new to doubt.
            (Some(Extracted { confirm: true, .. }), Some(doubt)) => doubt.whole = whole,
            (Some(Extracted { confirm: true, .. }), none) => {
                let backoff = self.backoff.clone_reset();
                let doubt = Doubt {
                    whole,
                    stale: false,
                    backoff,
                    contradicted: 0,
                    pausing: false,
                    asking: None,
                };
                *none = Some(Box::new(doubt));
                self.enqueue(number, ctx);
            }
            (Some(part), doubt) => {
                *doubt = None;
                self.take_in(number, part, ctx);
            }
            (None, _) => self.uncover(number, ctx),
        }
    }

    fn take_in(&mut self, number: u64, part: Extracted<Q::Value>, ctx: &mut Context<Self>) {
        let Some(branch) = self.branches.get_mut(&number) else {
            return;
        };
        let position = Position::Opaque(part.index);
        let answer = Answer {
            position,
            outcome: part.outcome,
            last_contact: None,
        };
        let Branch { link, feeds, .. } = &mut **branch;
        // A value that cannot be compared must not reach those it shares the actor with.
        let taken = catch_unwind(AssertUnwindSafe(|| {
            feeds.take_in(answer, link, Instant::now())
        }));
        let Ok(taken) = taken else {
            return self.give_up(number, Why::Panicked, ctx);
        };
        // Told as a state of its own only the first time: later its state is the wider watch's.
        branch.link.transition(WatchState::Live);
        match taken {
            Taken::News { first } => {
                if first {
                    branch.link.report(ReportKind::FirstValue);
                }
                for id in branch.feeds.subscribers.keys().collect::<Vec<_>>() {
                    self.pump(number, id, ctx);
                }
            }
            Taken::NoNews => {}
            Taken::Rejected(reason) => branch.link.reject(reason, &mut branch.feeds.rejection),
        }
    }

    /// Hands a watch back to the supervisor, as one that asks by itself.
    fn uncover(&mut self, number: u64, ctx: &mut Context<Self>) {
        if let Some(branch) = self.branches.get(&number) {
            tracing::info!(path = %branch.link.path, "the watch asks by itself, the wider one does not serve");
            self.give_up(number, Why::Uncovered, ctx);
        }
    }

    fn give_up(&mut self, number: u64, why: Why, ctx: &mut Context<Self>) {
        let Some(mut branch) = self.remove(number) else {
            return;
        };
        ctx.spawn(wrap_future(branch.close()));
        self.hand_back(*branch, why);
    }

    fn hand_back(&mut self, branch: Branch<Q>, why: Why) {
        let Some(supervisor) = self.supervisor.upgrade() else {
            return;
        };
        let mut state = WatcherState::<Q>::new(self.backoff.clone_reset(), self.throttle.clone());
        for id in branch.feeds.subscribers.keys() {
            self.owners.remove(id);
            self.in_flight.transfer(id, &mut state.in_flight);
        }
        state.feeds = branch.feeds;
        let (key, incarnation) = (branch.link.key.clone(), branch.link.incarnation);
        supervisor.do_send(Died {
            key,
            incarnation,
            why,
            state: Box::new(state),
        });
    }

    fn remove(&mut self, number: u64) -> Option<Box<Branch<Q>>> {
        let branch = self.branches.remove(&number)?;
        if let Some(shared_with) = branch.link.query.shared_with() {
            self.routes
                .remove(&shared_with.key_selector(&self.source), number);
        }
        Some(branch)
    }

    /// Takes back what a subscriber has not begun to handle.
    fn forget(&mut self, id: SubscriptionId) {
        self.owners.remove(id);
        self.in_flight.retract(id);
    }

    /// Sends a subscriber what it is owed.
    fn pump(&mut self, number: u64, id: SubscriptionId, ctx: &mut Context<Self>) {
        let Some(branch) = self.branches.get_mut(&number) else {
            return;
        };
        let Branch { link, feeds, .. } = &mut **branch;
        let pumped = feeds.pump(id, link, &mut self.in_flight, Instant::now());
        self.pumped(id, pumped, ctx);
    }

    fn pumped(&mut self, id: SubscriptionId, pumped: Pumped, ctx: &mut Context<Self>) {
        match pumped {
            Pumped::Done => {}
            Pumped::Wait(due) => {
                self.owners.wait(id, due);
                self.look_again(ctx);
            }
            Pumped::Gone => self.forget(id),
        }
    }

    fn look_again(&mut self, ctx: &mut Context<Self>) {
        let Some(due) = self.owners.next_due() else {
            return;
        };
        if self.timer.is_some_and(|at| at <= due) {
            return;
        }
        self.timer = Some(due);
        ctx.run_later(due - Instant::now(), move |actor, ctx| {
            actor.timer = actor.timer.filter(|at| *at != due);
            let now = Instant::now();
            while let Some((number, id)) = actor.owners.pop_due(now) {
                actor.pump(number, id, ctx);
            }
            actor.look_again(ctx);
        });
    }
}

/// A watch's part of the wider value; `None` if the query cannot tell, or panics.
fn part<Q: Query>(
    source: &Q::Source,
    branch: &Branch<Q>,
    whole: &Whole,
) -> Option<Extracted<Q::Value>> {
    let previous = branch
        .feeds
        .progress
        .current()
        .map(|version| &*version.value);
    let shared_with = branch.link.query.shared_with()?;
    catch_unwind(AssertUnwindSafe(|| {
        shared_with.extract(source, &*whole.value, whole.index, previous)
    }))
    .ok()?
}

/// The wider watch has another value.
impl<Q: Query, I: Query<Source = Q::Source>> Handler<Changed<I>> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, changed: Changed<I>, ctx: &mut Self::Context) {
        // Of the source before, and its entries are others.
        if !self.follows(changed.subscription) {
            return;
        }
        let mut touched = BTreeSet::new();
        let mut all = changed.reason != Reason::Change;
        self.unsure &= changed.reason == Reason::First;
        if !all {
            for change in changed.changes() {
                match change.item().text() {
                    Some(text) => self.routes.find(text, &mut touched),
                    None => all = true,
                }
            }
        }
        if all {
            touched.extend(self.branches.keys());
        }
        self.whole = Some(Whole {
            value: changed.current,
            index: changed.index,
        });
        for number in touched {
            if changed.reason == Reason::Resync
                && let Some(branch) = self.branches.get_mut(&number)
            {
                branch.feeds.progress.interrupted();
            }
            self.cut(number, ctx);
        }
    }
}

impl<Q: Query> DeliveryHost for CoveredActor<Q> {
    fn in_flight(&mut self) -> &mut InFlight {
        &mut self.in_flight
    }

    fn acknowledged(&mut self, acknowledgement: Acknowledgement, ctx: &mut Context<Self>) {
        let id = acknowledgement.id;
        let Some(number) = self.owners.branch_of(id) else {
            return;
        };
        let Some(branch) = self.branches.get_mut(&number) else {
            return;
        };
        let Branch { link, feeds, .. } = &mut **branch;
        let pumped = feeds.acknowledged(acknowledgement, link, &mut self.in_flight);
        self.pumped(id, pumped, ctx);
    }
}

impl<Q: Query> Actor for CoveredActor<Q> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(DriveDeliveries);
        self.follow(ctx);
    }
}

/// It goes with watches left when it has panicked or its arbiter has stopped: they go on by themselves.
impl<Q: Query> Drop for CoveredActor<Q> {
    fn drop(&mut self) {
        for (_, branch) in std::mem::take(&mut self.branches) {
            self.hand_back(*branch, Why::Panicked);
        }
    }
}
