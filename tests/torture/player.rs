//! A subscriber that comes and goes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::{SubscriptionId, Watch, WatchError, WatchSupervisor};
use futures_util::future::LocalBoxFuture;

use crate::listener::{Listener, Temper};
use crate::random::Random;
use crate::record::{Keys, Record, State};
use crate::scene::Scene;

/// Far longer than any reply takes; it ends a test that has failed.
pub(crate) const REPLY: Duration = Duration::from_secs(30);

/// A subscriber that comes and goes, whatever it watches.
pub(crate) trait Player {
    /// What it watches, as Consul names it.
    fn name(&self) -> &str;
    fn subscription(&self) -> Option<SubscriptionId>;
    /// Its actor runs and is subscribed.
    fn is_there(&self) -> bool;
    /// Starts its actor if that has ended, and subscribes it.
    fn come<'a>(&'a mut self, watches: &'a Addr<WatchSupervisor>) -> LocalBoxFuture<'a, ()>;
    /// The reply to a `Stop` of its subscription has come.
    fn stopped(&mut self);
    /// Lets go of its actor.
    fn end(&mut self);
    /// What it was shown last.
    fn state(&self) -> Option<State>;
    fn deliveries(&self) -> u64;
}

pub(crate) struct Part<Q: Keys> {
    query: Q,
    name: String,
    temper: Temper,
    random: Random,
    scene: Rc<Scene>,
    actor: Option<Addr<Listener<Q>>>,
    record: Rc<RefCell<Record<Q>>>,
    subscription: Option<SubscriptionId>,
}

impl<Q: Keys> Part<Q> {
    pub(crate) fn new(
        query: Q,
        name: &str,
        temper: Temper,
        random: Random,
        scene: &Rc<Scene>,
    ) -> Self {
        let (name, scene) = (name.to_owned(), Rc::clone(scene));
        let record = Rc::default();
        Self {
            query,
            name,
            temper,
            random,
            scene,
            actor: None,
            record,
            subscription: None,
        }
    }

    fn actor(&mut self) -> Addr<Listener<Q>> {
        match &self.actor {
            Some(actor) if actor.connected() => actor.clone(),
            _ => {
                self.record = Rc::default();
                let listener =
                    Listener::new(&self.scene, &self.record, self.temper, self.random.fork());
                self.actor.insert(listener.start()).clone()
            }
        }
    }
}

impl<Q: Keys + Clone> Player for Part<Q> {
    fn name(&self) -> &str {
        &self.name
    }

    fn subscription(&self) -> Option<SubscriptionId> {
        self.subscription
    }

    fn is_there(&self) -> bool {
        self.subscription.is_some() && self.actor.as_ref().is_some_and(Addr::connected)
    }

    fn come<'a>(&'a mut self, watches: &'a Addr<WatchSupervisor>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let actor = self.actor();
            let reply = watches.send(Watch::new(self.query.clone(), actor.clone()));
            match tokio::time::timeout(REPLY, reply).await {
                Ok(Ok(Ok(subscription))) => {
                    self.scene.count(|tally| tally.came += 1);
                    self.subscription = Some(subscription);
                }
                // It may have panicked at its first delivery already.
                Ok(Ok(Err(WatchError::SubscriberGone { .. }))) if !actor.connected() => {}
                other => self
                    .scene
                    .violation(format!("{}: Watch was answered {other:?}", self.name)),
            }
        })
    }

    fn stopped(&mut self) {
        if let Some(subscription) = self.subscription.take() {
            self.record.borrow_mut().stopped(subscription);
        }
    }

    fn end(&mut self) {
        self.actor = None;
    }

    fn state(&self) -> Option<State> {
        self.record.borrow().state()
    }

    fn deliveries(&self) -> u64 {
        self.record.borrow().deliveries
    }
}
