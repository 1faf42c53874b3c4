//! All subscribers, and random operations on them.

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::model::CheckStatus;
use consul_watch::watch::{Checks, Nodes, Service, Services};
use consul_watch::{ConsulConfig, Key, KeyPrefix, Reset, Stop, Stopped, WatchSupervisor};
use consul_watch_harness::DEADLINE;
use consul_watch_harness::random::{Choices, Rng};

use crate::catalog::SERVICES;
use crate::recording_actor::{BEHAVIORS, Behavior};
use crate::run_state::RunState;
use crate::subscriber::{AnySubscriber, TestSubscriber};
use crate::user_code::{DecodedFolder, DerivedFolder, UserCode};
use crate::watched::Watched;
use crate::writer::{FOLDERS, KEYS, ROOT};

pub(crate) struct Subscribers {
    pub(crate) all: Vec<Box<dyn AnySubscriber>>,
    pub(crate) watches: Addr<WatchSupervisor>,
    config: ConsulConfig,
    run_state: Rc<RunState>,
    random: Rng,
}

fn add<Q: Watched>(
    to: &mut Vec<Box<dyn AnySubscriber>>,
    query: Q,
    behavior: Behavior,
    random: Rng,
    run_state: &Rc<RunState>,
) {
    let subscriber = TestSubscriber::new(query, behavior, random, run_state);
    to.push(Box::new(subscriber));
}

impl Subscribers {
    pub(crate) fn new(
        watches: &Addr<WatchSupervisor>,
        config: &ConsulConfig,
        run_state: &Rc<RunState>,
        mut random: Rng,
    ) -> Self {
        let mut all: Vec<Box<dyn AnySubscriber>> = Vec::new();
        for behavior in BEHAVIORS {
            for name in FOLDERS {
                let query = KeyPrefix::new(name);
                let subscriber = TestSubscriber::new(query, behavior, random.fork(), run_state);
                all.push(Box::new(subscriber));
            }
            let query = Key::new(random.pick(&KEYS));
            let subscriber = TestSubscriber::new(query, behavior, random.fork(), run_state);
            all.push(Box::new(subscriber));
        }
        for behavior in BEHAVIORS {
            let mut random = || random.fork();
            for (name, _) in SERVICES {
                add(&mut all, Service::new(name), behavior, random(), run_state);
                add(
                    &mut all,
                    Checks::of_service(name),
                    behavior,
                    random(),
                    run_state,
                );
            }
            let passing = Service::new(SERVICES[0].0).passing_only();
            add(&mut all, passing, behavior, random(), run_state);
            add(&mut all, Nodes::new(), behavior, random(), run_state);
            add(&mut all, Services::new(), behavior, random(), run_state);
            add(&mut all, Checks::any(), behavior, random(), run_state);
            let critical = Checks::in_state(CheckStatus::Critical);
            add(&mut all, critical, behavior, random(), run_state);
        }
        for behavior in [Behavior::Prompt, Behavior::Slow] {
            let query = KeyPrefix::new(ROOT);
            let subscriber = TestSubscriber::new(query, behavior, random.fork(), run_state);
            all.push(Box::new(subscriber));
        }
        let mut prompt = |query: Key, code: Option<UserCode>| {
            let random = random.fork();
            let subscriber = TestSubscriber::new(query, Behavior::Prompt, random, run_state);
            all.push(Box::new(match code {
                Some(code) => subscriber.with(code),
                None => subscriber,
            }));
        };
        for name in KEYS {
            prompt(Key::new(name), None);
        }
        for (code, name) in UserCode::OF_SUBSCRIPTIONS
            .into_iter()
            .zip(KEYS.iter().cycle())
        {
            prompt(Key::new(*name), Some(code));
        }
        for (code, name) in UserCode::OF_SUBSCRIPTIONS
            .into_iter()
            .zip(FOLDERS.iter().cycle())
        {
            let query = KeyPrefix::new(*name);
            let subscriber = TestSubscriber::new(query, Behavior::Prompt, random.fork(), run_state);
            all.push(Box::new(subscriber.with(code)));
        }
        for name in FOLDERS {
            let query = KeyPrefix::new(name).decode::<DecodedFolder>();
            let subscriber = TestSubscriber::new(query, Behavior::Prompt, random.fork(), run_state);
            all.push(Box::new(subscriber));
            let query = DerivedFolder(KeyPrefix::new(name));
            let subscriber = TestSubscriber::new(query, Behavior::Prompt, random.fork(), run_state);
            all.push(Box::new(subscriber));
        }
        Self {
            all,
            watches: watches.clone(),
            config: config.clone(),
            run_state: Rc::clone(run_state),
            random,
        }
    }

    /// Subscribes each that is not subscribed.
    pub(crate) async fn subscribe_all(&mut self) {
        for subscriber in &mut self.all {
            if !subscriber.is_subscribed() {
                subscriber.subscribe(&self.watches).await;
            }
        }
    }

    /// Does one operation at random.
    pub(crate) async fn act_at_random(&mut self) {
        let one = self.random.usize(..self.all.len());
        match self.random.u64(..100) {
            0..30 => match self.all[one].subscription() {
                Some(subscription) if self.all[one].is_subscribed() => {
                    self.stop(Stop::subscription(subscription), |subscriber, _| {
                        subscriber.subscription() == Some(subscription)
                    })
                    .await;
                }
                _ => self.all[one].subscribe(&self.watches).await,
            },
            30..40 => {
                let path = self.all[one].path();
                self.stop(Stop::path(path.name()), |subscriber, stopped| {
                    let other = subscriber.path();
                    other.name() == path.name() || stopped.ended.contains(&other)
                })
                .await;
            }
            40..42 => self.stop_all().await,
            42..50 => self.reset().await,
            50..54 => {
                // Nothing waits for this one, so a Stop may come in the middle of it.
                self.run_state.count(|counters| counters.resets += 1);
                self.watches.do_send(Reset::new());
            }
            54..75 => self.subscribe_all().await,
            _ => {
                let mut away: Vec<_> = self
                    .all
                    .iter_mut()
                    .filter(|subscriber| !subscriber.is_subscribed())
                    .collect();
                if !away.is_empty() {
                    let one = self.random.usize(..away.len());
                    away[one].subscribe(&self.watches).await;
                }
            }
        }
        tokio::time::sleep(self.random.up_to_ms(150)).await;
    }

    /// Stops everything.
    pub(crate) async fn stop_all(&mut self) {
        self.stop(Stop::all(), |_, _| true).await;
    }

    async fn stop(&mut self, stop: Stop, concerned: impl Fn(&dyn AnySubscriber, &Stopped) -> bool) {
        self.run_state.count(|counters| counters.stops += 1);
        let hold = if self.random.one_in(2) {
            self.random.up_to_ms(30)
        } else {
            Duration::ZERO
        };
        // Deliveries made meanwhile wait in the mailboxes when the reply comes, and have to be retracted.
        thread::sleep(hold);
        let reply = self.watches.send(stop);
        thread::sleep(hold);
        let reply: Result<Result<Stopped, _>, _> = tokio::time::timeout(DEADLINE, reply).await;
        let Ok(Ok(stopped)) = reply else {
            let law = "the reply to Stop is what has ended";
            self.run_state.violation(law, &format!("{reply:?}"));
            return;
        };
        for subscriber in &mut self.all {
            if concerned(&**subscriber, &stopped) {
                subscriber.unsubscribed();
            }
        }
    }

    async fn reset(&mut self) {
        self.run_state.count(|counters| counters.resets += 1);
        let reset = if self.random.one_in(2) {
            Reset::with(self.config.clone())
        } else {
            Reset::new()
        };
        let reply = tokio::time::timeout(DEADLINE, self.watches.send(reset)).await;
        if !matches!(reply, Ok(Ok(Ok(_)))) {
            let law = "the reply to Reset is the number of watches";
            self.run_state.violation(law, &format!("{reply:?}"));
        }
    }
}
