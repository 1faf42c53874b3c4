//! A subscriber that subscribes and unsubscribes.

use std::cell::RefCell;
use std::rc::Rc;

use actix::prelude::*;
use consul_watch::{SubscriptionId, Watch, WatchError, WatchPath, WatchSupervisor};
use consul_watch_harness::DEADLINE;
use consul_watch_harness::random::Rng;
use futures_util::future::LocalBoxFuture;

use crate::checker::Checker;
use crate::recording_actor::{Behavior, RecordingActor};
use crate::run_state::RunState;
use crate::state::State;
use crate::user_code::UserCode;
use crate::watched::Watched;

/// A subscriber, whatever it watches.
pub(crate) trait AnySubscriber {
    fn path(&self) -> WatchPath;
    fn subscription(&self) -> Option<SubscriptionId>;
    /// Whether its actor runs and is subscribed.
    fn is_subscribed(&self) -> bool;
    /// Starts its actor unless it runs, and subscribes it.
    fn subscribe<'a>(&'a mut self, watches: &'a Addr<WatchSupervisor>) -> LocalBoxFuture<'a, ()>;
    /// Records the reply to a `Stop` of its subscription.
    fn unsubscribed(&mut self);
    /// Drops the address of its actor.
    fn end(&mut self);
    /// Returns what was delivered to it last.
    fn state(&self) -> Option<State>;
    /// Returns what it has to show when Consul has this.
    fn expected(&self, consul: &State) -> State;
    /// Whether one round of writes to everything changes what it shows once.
    fn changes_once(&self) -> bool;
    fn deliveries(&self) -> u64;
}

pub(crate) struct TestSubscriber<Q: Watched> {
    query: Q,
    behavior: Behavior,
    code: Option<UserCode>,
    random: Rng,
    run_state: Rc<RunState>,
    actor: Option<Addr<RecordingActor<Q>>>,
    checker: Rc<RefCell<Checker<Q>>>,
    subscription: Option<SubscriptionId>,
}

impl<Q: Watched> TestSubscriber<Q> {
    pub(crate) fn new(query: Q, behavior: Behavior, random: Rng, run_state: &Rc<RunState>) -> Self {
        let checker = Rc::new(RefCell::new(Checker::new(
            query.clone(),
            String::new(),
            false,
        )));
        Self {
            query,
            behavior,
            code: None,
            random,
            run_state: Rc::clone(run_state),
            actor: None,
            checker,
            subscription: None,
        }
    }

    /// Subscribes with this code, which panics at random.
    pub(crate) fn with(mut self, code: UserCode) -> Self {
        self.code = Some(code);
        self
    }

    fn actor(&mut self) -> Addr<RecordingActor<Q>> {
        match &self.actor {
            Some(actor) if actor.connected() => actor.clone(),
            _ => {
                let subscriber = format!("{:?} {:?}", self.behavior, self.code);
                let partial = self.code == Some(UserCode::Predicate);
                self.checker = Rc::new(RefCell::new(Checker::new(
                    self.query.clone(),
                    subscriber,
                    partial,
                )));
                let recording_actor = RecordingActor::new(
                    &self.run_state,
                    &self.checker,
                    self.behavior,
                    self.random.fork(),
                );
                self.actor.insert(recording_actor.start()).clone()
            }
        }
    }
}

impl<Q: Watched> AnySubscriber for TestSubscriber<Q> {
    fn path(&self) -> WatchPath {
        self.query.path()
    }

    fn subscription(&self) -> Option<SubscriptionId> {
        self.subscription
    }

    fn is_subscribed(&self) -> bool {
        self.subscription.is_some() && self.actor.as_ref().is_some_and(Addr::connected)
    }

    fn subscribe<'a>(&'a mut self, watches: &'a Addr<WatchSupervisor>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let actor = self.actor();
            let watch = Watch::new(self.query.clone(), actor.clone());
            let watch = match self.code {
                Some(code) => code.apply(watch),
                None => watch,
            };
            match tokio::time::timeout(DEADLINE, watches.send(watch)).await {
                Ok(Ok(Ok(subscription))) => {
                    self.run_state.count(|counters| counters.subscribed += 1);
                    self.subscription = Some(subscription);
                }
                // It may have panicked at its first delivery already.
                Ok(Ok(Err(WatchError::SubscriberGone { .. }))) if !actor.connected() => {}
                other => self.run_state.violation(
                    "the reply to Watch is a subscription",
                    &format!("{}: {other:?}", self.query.path()),
                ),
            }
        })
    }

    fn unsubscribed(&mut self) {
        if let Some(subscription) = self.subscription.take() {
            self.checker.borrow_mut().unsubscribed(subscription);
        }
    }

    fn end(&mut self) {
        self.actor = None;
    }

    fn state(&self) -> Option<State> {
        self.checker.borrow().state()
    }

    fn expected(&self, consul: &State) -> State {
        let shown = consul.iter().filter(|(name, _)| self.query.shows(name));
        let shown = shown.map(|(name, entry)| (name.clone(), entry.clone()));
        self.query.expected(shown.collect())
    }

    fn changes_once(&self) -> bool {
        self.query.changes_once()
    }

    fn deliveries(&self) -> u64 {
        self.checker.borrow().deliveries
    }
}
