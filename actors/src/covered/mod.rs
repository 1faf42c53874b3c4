//! The actor behind covered watches: they ask nobody, and are told their parts of a wider watch's value.

mod branch;
mod cover;
mod orders;
mod routes;

use std::{
    any::Any,
    collections::{BTreeSet, HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task,
};

use actix::{WeakAddr, fut::wrap_future, prelude::*};
use futures_util::future::abortable;
use tokio::{sync::oneshot, time::Instant};

use self::{
    branch::{Asking, Branch, Doubt},
    routes::Routes,
};
pub(crate) use self::{
    cover::Cover,
    orders::{Begin, Finish, Follow, Renew, ToBranch, Uncover},
};
use crate::{
    Answer, Backoff, Changed, Cursor, Failure, Input, Item, Outcome, Part, Places, Position, Query, Reason,
    Request, Source, Stop, SubscriptionId, Throttle, WatchState, WatchSupervisor,
    deliveries::Deliveries,
    derive::Asked,
    feeds::{Pumped, Taken},
    supervisor::{Died, ReportKind, Why},
    watcher::WatcherState,
};

/// How many queries are on their way at once to confirm what is missing.
const MOST_ASKING: usize = 16;

/// How often a query may be answered otherwise than the wider one, before it is asked by itself for good.
const MOST_CONTRADICTED: u32 = 8;

/// Serves the covered watches of one type by the value of one wider watch, to which it is a subscriber.
pub(crate) struct CoveredActor<Q: Query> {
    covering: Input<Q>,
    supervisor: WeakAddr<WatchSupervisor<Q::Source>>,
    backoff: Backoff,
    throttle: Throttle,
    source: Arc<Q::Source>,
    places: Option<Places>,
    client: Option<<Q::Source as Source>::Client>,
    subscription: Option<Asked>,
    whole: Option<Whole>,
    /// By the numbers of their incarnations.
    branches: HashMap<u64, Branch<Q>>,
    owners: HashMap<SubscriptionId, u64>,
    routes: Routes,
    deliveries: Deliveries<Changed<Q>>,
    /// When which subscription wants to be looked at again.
    due: BTreeSet<(Instant, SubscriptionId)>,
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
            places: source.places(),
            source,
            client: None,
            subscription: None,
            whole: None,
            branches: HashMap::new(),
            owners: HashMap::new(),
            routes: Routes::default(),
            deliveries: Deliveries::default(),
            due: BTreeSet::new(),
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
        self.routes.clear();
        for (number, branch) in &mut self.branches {
            if let Some(coverage) = branch.link.query.coverage() {
                self.routes.insert(coverage.route(&self.source), *number);
            }
            branch.feeds.progress.interrupted();
            ctx.spawn(wrap_future(branch.close()));
        }
        let let_go = wrap_future::<_, Self>(self.let_go());
        ctx.spawn(let_go.map(|(), actor, ctx| {
            if !actor.finished {
                actor.follow(ctx);
            }
        }));
    }

    fn let_go(&mut self) -> impl Future<Output = ()> + 'static + use<Q> {
        let (asked, supervisor) = (self.subscription.take(), self.supervisor.upgrade());
        async move {
            let (Some(asked), Some(supervisor)) = (asked, supervisor) else { return };
            if let Some(id) = asked.await {
                // A supervisor that has gone has ended its watches itself.
                let _ = supervisor.send(Stop::subscription(id)).await;
            }
        }
    }

    /// Gives a watch its part of the wider value.
    fn cut(&mut self, number: u64, ctx: &mut Context<Self>) {
        let Some(branch) = self.branches.get_mut(&number) else { return };
        match &mut branch.doubt {
            // What was in doubt is superseded.
            Some(doubt) if doubt.pausing => branch.doubt = None,
            Some(doubt) => {
                doubt.stale = true;
                return;
            }
            None => {}
        }
        let Some(whole) = self.whole.clone() else { return };
        match part(&*self.source, branch, &whole) {
            Some(Part { confirm: true, .. }) => {
                let backoff = self.backoff.fresh();
                let doubt =
                    Doubt { whole, stale: false, backoff, contradicted: 0, pausing: false, asking: None };
                branch.doubt = Some(Box::new(doubt));
                self.to_confirm.push_back(number);
                self.confirm(ctx);
            }
            Some(part) => self.take_in(number, part, ctx),
            None => self.uncover(number, ctx),
        }
    }

    fn take_in(&mut self, number: u64, part: Part<Q::Value>, ctx: &mut Context<Self>) {
        let Some(branch) = self.branches.get_mut(&number) else { return };
        let position = Position::Opaque(part.index);
        let answer = Answer { position, outcome: part.outcome, last_contact: None };
        let taken = branch.feeds.take_in(answer, &branch.link, Instant::now());
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

    /// Asks for the next ones of those whose part is to be confirmed.
    fn confirm(&mut self, ctx: &mut Context<Self>) {
        while self.asking < MOST_ASKING {
            let Some(number) = self.to_confirm.pop_front() else { return };
            let connected = self.client.take().map_or_else(|| self.source.connect(), Ok);
            let Some(branch) = self.branches.get_mut(&number) else { continue };
            let Some(doubt) = branch.doubt.as_mut().filter(|doubt| doubt.asking.is_none()) else { continue };
            let client = match connected {
                Ok(client) => self.client.insert(client).clone(),
                Err(failure) => {
                    self.confirmed(number, Err(failure), ctx);
                    continue;
                }
            };
            let previous = branch.feeds.progress.current().map(|version| Arc::clone(&version.value));
            let request = Request { cursor: Cursor::Start, previous };
            let (query, places) = (Arc::clone(&branch.link.query), self.places.clone());
            let (guard, closed) = oneshot::channel::<()>();
            let (asked, abort) = abortable(async move {
                // Dropped in the opposite order: the request is closed, and that is told.
                let _guard = guard;
                let _brief = match places {
                    Some(places) => places.brief().await,
                    None => None,
                };
                query.run(&client, request).await
            });
            doubt.pausing = false;
            doubt.asking = Some(Asking { abort, closed });
            self.asking += 1;
            ctx.spawn(asked.into_actor(self).map(move |answer, actor, ctx| {
                actor.asking -= 1;
                if let Ok(answer) = answer {
                    actor.confirmed(number, answer, ctx);
                }
                actor.confirm(ctx);
            }));
        }
    }

    /// The query was asked by itself.
    fn confirmed(&mut self, number: u64, answer: Result<Answer<Q::Value>, Failure>, ctx: &mut Context<Self>) {
        let Some(branch) = self.branches.get_mut(&number) else { return };
        let Some(mut doubt) = branch.doubt.take() else { return };
        doubt.asking = None;
        let Some(part) = part(&*self.source, branch, &doubt.whole) else {
            return self.uncover(number, ctx);
        };
        let at_least = match answer {
            Ok(answer) if says_the_same(&answer.outcome, &part.outcome) => {
                self.take_in(number, part, ctx);
                return if doubt.stale {
                    self.cut(number, ctx)
                };
            }
            Err(failure) if failure.class().is_of_the_query() => return self.uncover(number, ctx),
            Err(failure) => failure.pause(),
            // One of the two is older, and what makes them alike is on its way.
            Ok(_) => {
                doubt.contradicted += 1;
                None
            }
        };
        if doubt.stale {
            return self.cut(number, ctx);
        }
        if doubt.contradicted == MOST_CONTRADICTED {
            return self.uncover(number, ctx);
        }
        doubt.pausing = true;
        let pause = doubt.backoff.failed(Instant::now()).max(at_least.unwrap_or_default());
        branch.doubt = Some(doubt);
        ctx.run_later(pause, move |actor, ctx| {
            actor.to_confirm.push_back(number);
            actor.confirm(ctx);
        });
    }

    /// Hands a watch back to the supervisor, as one that asks by itself.
    fn uncover(&mut self, number: u64, ctx: &mut Context<Self>) {
        let Some(mut branch) = self.remove(number) else { return };
        ctx.spawn(wrap_future(branch.close()));
        tracing::info!(path = %branch.link.path, "the watch asks by itself, the wider one does not serve");
        self.hand_back(branch, Why::Uncovered);
    }

    fn hand_back(&mut self, branch: Branch<Q>, why: Why) {
        let Some(supervisor) = self.supervisor.upgrade() else { return };
        let mut state = WatcherState::<Q>::new(self.backoff.fresh(), self.throttle.clone());
        for id in branch.feeds.subscribers.keys() {
            self.owners.remove(&id);
            self.deliveries.hand_over(id, &mut state.deliveries);
        }
        state.feeds = branch.feeds;
        let (key, incarnation) = (branch.link.key, branch.link.incarnation);
        supervisor.do_send(Died { key, incarnation, why, state: Box::new(state) });
    }

    fn remove(&mut self, number: u64) -> Option<Branch<Q>> {
        let branch = self.branches.remove(&number)?;
        if let Some(coverage) = branch.link.query.coverage() {
            self.routes.remove(coverage.route(&self.source), number);
        }
        Some(branch)
    }

    /// Takes back what a subscriber has not begun to handle.
    fn forget(&mut self, id: SubscriptionId) {
        self.owners.remove(&id);
        self.deliveries.cancel(id);
    }

    /// Sends a subscriber what it is owed.
    fn pump(&mut self, number: u64, id: SubscriptionId, ctx: &mut Context<Self>) {
        let Some(Branch { link, feeds, .. }) = self.branches.get_mut(&number) else { return };
        let pumped = feeds.pump(id, link, &mut self.deliveries, Instant::now());
        self.pumped(id, pumped, ctx);
    }

    fn pumped(&mut self, id: SubscriptionId, pumped: Pumped, ctx: &mut Context<Self>) {
        match pumped {
            Pumped::Done => {}
            Pumped::Wait(due) => {
                self.due.insert((due, id));
                self.look_again(ctx);
            }
            Pumped::Gone => self.forget(id),
        }
    }

    fn look_again(&mut self, ctx: &mut Context<Self>) {
        let Some((due, _)) = self.due.first().copied() else { return };
        if self.timer.is_some_and(|at| at <= due) {
            return;
        }
        self.timer = Some(due);
        ctx.run_later(due - Instant::now(), move |actor, ctx| {
            actor.timer = actor.timer.filter(|at| *at != due);
            let now = Instant::now();
            while let Some((_, id)) = actor.due.first().copied().filter(|(at, _)| *at <= now) {
                actor.due.pop_first();
                if let Some(number) = actor.owners.get(&id).copied() {
                    actor.pump(number, id, ctx);
                }
            }
            actor.look_again(ctx);
        });
    }

    fn settled(&mut self, id: SubscriptionId, answer: Result<(), MailboxError>, ctx: &mut Context<Self>) {
        let Some(number) = self.owners.get(&id) else { return };
        let Some(Branch { link, feeds, .. }) = self.branches.get_mut(number) else { return };
        let pumped = feeds.settled(id, answer, link, &mut self.deliveries);
        self.pumped(id, pumped, ctx);
    }
}

/// A watch's part of the wider value; `None` if the query cannot tell, or panics.
fn part<Q: Query>(source: &Q::Source, branch: &Branch<Q>, whole: &Whole) -> Option<Part<Q::Value>> {
    let previous = branch.feeds.progress.current().map(|version| &*version.value);
    let coverage = branch.link.query.coverage()?;
    catch_unwind(AssertUnwindSafe(|| coverage.part(source, &*whole.value, whole.index, previous))).ok()?
}

/// Whether a query's own answer agrees with its part of the wider value.
fn says_the_same<V: PartialEq>(own: &Outcome<V>, part: &Outcome<V>) -> bool {
    match (own, part) {
        (Outcome::Value(own), Outcome::Value(part)) => own == part,
        (Outcome::Same, Outcome::Same) => true,
        _ => false,
    }
}

/// The wider watch has another value.
impl<Q: Query, I: Query<Source = Q::Source>> Handler<Changed<I>> for CoveredActor<Q> {
    type Result = ();

    fn handle(&mut self, changed: Changed<I>, ctx: &mut Self::Context) {
        let mut touched = BTreeSet::new();
        let mut all = changed.reason != Reason::Change;
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
        self.whole = Some(Whole { value: changed.current, index: changed.index });
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

impl<Q: Query> Actor for CoveredActor<Q> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Acknowledgements);
        self.follow(ctx);
    }
}

/// It goes with watches left when it has panicked or its arbiter has stopped: they go on by themselves.
impl<Q: Query> Drop for CoveredActor<Q> {
    fn drop(&mut self) {
        for (_, branch) in std::mem::take(&mut self.branches) {
            self.hand_back(branch, Why::Panicked);
        }
    }
}

/// Takes in what subscribers answer.
struct Acknowledgements;

impl<Q: Query> ActorFuture<CoveredActor<Q>> for Acknowledgements {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut CoveredActor<Q>,
        ctx: &mut Context<CoveredActor<Q>>,
        task: &mut task::Context<'_>,
    ) -> task::Poll<()> {
        while let task::Poll::Ready((id, answer)) = actor.deliveries.poll_answer(task) {
            actor.settled(id, answer, ctx);
        }
        task::Poll::Pending
    }
}
