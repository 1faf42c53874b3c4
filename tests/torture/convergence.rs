//! The end of a run, without faults: every subscriber converges to Consul's state, once, and is silent after `Stop`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use consul_watch::{KeyPrefix, Status};
use consul_watch_harness::random::Rng;
use consul_watch_harness::{DEADLINE, FaultProxy};

use crate::recording_actor::Behavior;
use crate::registrar;
use crate::resources::Resources;
use crate::run_state::RunState;
use crate::site::Site;
use crate::state::{State, is_ours};
use crate::subscriber::{AnySubscriber, TestSubscriber};
use crate::subscribers::Subscribers;
use crate::truth;
use crate::user_code;
use crate::writer::{FOLDERS, KEYS, ROOT};

const STEP: Duration = Duration::from_millis(20);

pub(crate) struct Convergence<'a> {
    pub(crate) site: &'a Site,
    pub(crate) proxy: &'a FaultProxy,
    pub(crate) run_state: &'a Rc<RunState>,
    pub(crate) subscribers: &'a mut Subscribers,
}

impl Convergence<'_> {
    pub(crate) async fn run(&mut self) {
        self.run_state.calm.set(true);
        self.site.wait_until_healthy();
        user_code::may_panic(None);
        // The supervisor may not know yet that a subscriber panicked or stopped a moment ago.
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.subscribers.subscribe_all().await;
            if self
                .subscribers
                .all
                .iter()
                .all(|subscriber| subscriber.is_subscribed())
            {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "not all subscribers can be subscribed"
            );
        }
        self.mark("first");
        self.converge("without faults").await;
        self.no_duplicates().await;
        self.no_delivery_after_stop().await;
    }

    /// A change to everything that is watched.
    fn mark(&self, turn: &str) {
        let (agent, history) = (self.site.agent(), &self.run_state.history);
        let value = history.value(turn, 0);
        for key in KEYS {
            agent.put(key, &value);
        }
        for folder in FOLDERS {
            agent.put(&format!("{folder}/marker"), &value);
        }
        registrar::mark(agent, history, &value);
    }

    /// Waits until every subscriber has Consul's state.
    async fn converge(&self, when: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let all = truth::of(self.site.agent());
            let subscribers = self.subscribers.all.iter().map(|subscriber| &**subscriber);
            let late: Vec<_> = subscribers
                .filter(|subscriber| {
                    ours(subscriber.state()) != ours(Some(subscriber.expected(&all)))
                })
                .collect();
            if late.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                let status = self
                    .subscribers
                    .watches
                    .send(Status::all())
                    .await
                    .expect("the supervisor runs");
                let status: Vec<_> = status.iter().map(ToString::to_string).collect();
                for subscriber in late {
                    let (path, has) = (subscriber.path(), ours(subscriber.state()));
                    let consul = ours(Some(subscriber.expected(&all)));
                    let shown =
                        format!("{when}: {path} has {has:?}, Consul has {consul:?}; {status:#?}");
                    self.run_state.violation("the last state arrives", &shown);
                }
                return;
            }
            tokio::time::sleep(STEP).await;
        }
    }

    /// One more change is one more delivery: none was left over to come first, and none comes twice.
    async fn no_duplicates(&mut self) {
        let counts = |subscribers: &Subscribers| -> BTreeMap<usize, u64> {
            subscribers
                .all
                .iter()
                .map(|subscriber| subscriber.deliveries())
                .enumerate()
                .collect()
        };
        let before = counts(self.subscribers);
        self.mark("second");
        self.converge("after one more change").await;
        // The third shows that nothing was still on its way after the second.
        self.mark("third");
        self.converge("after yet another change").await;
        for (at, count) in counts(self.subscribers) {
            let subscriber = &self.subscribers.all[at];
            let deliveries = count - before[&at];
            let path = subscriber.path();
            if subscriber.changes_once() && deliveries != 2 {
                let shown = format!("{path}: two changes made {deliveries} deliveries");
                self.run_state
                    .violation("one change is one delivery", &shown);
            }
        }
    }

    /// After the reply to `Stop` nothing is delivered, as a witness of the next change shows.
    async fn no_delivery_after_stop(&mut self) {
        self.subscribers.stop_all().await;
        let before: Vec<u64> = self
            .subscribers
            .all
            .iter()
            .map(|subscriber| subscriber.deliveries())
            .collect();
        let mut witness = TestSubscriber::new(
            KeyPrefix::new(ROOT),
            Behavior::Prompt,
            Rng::with_seed(0),
            self.run_state,
        );
        witness.subscribe(&self.subscribers.watches).await;
        self.mark("fourth");
        let deadline = Instant::now() + DEADLINE;
        while witness.state() != Some(witness.expected(&truth::of(self.site.agent()))) {
            if Instant::now() > deadline {
                let shown = format!("the witness has {:?}", witness.state());
                self.run_state.violation("the last state arrives", &shown);
                break;
            }
            tokio::time::sleep(STEP).await;
        }
        let after: Vec<u64> = self
            .subscribers
            .all
            .iter()
            .map(|subscriber| subscriber.deliveries())
            .collect();
        if before != after {
            let shown = format!("{before:?} became {after:?}");
            self.run_state
                .violation("nothing is delivered after Stop::all", &shown);
        }
        self.subscribers.stop_all().await;
    }

    /// Ends all subscribers, waits until the process holds no more than at `first`, and returns what it holds.
    pub(crate) async fn release(&mut self, first: Option<&Resources>) -> Resources {
        self.subscribers.stop_all().await;
        for subscriber in &mut self.subscribers.all {
            subscriber.end();
        }
        let deadline = Instant::now() + DEADLINE;
        loop {
            let now = Resources::now();
            let back = first.is_none_or(|first| now.is_back_to(first));
            let (open, alive) = (self.proxy.open(), self.run_state.alive.get());
            if back && open == 0 && alive == 0 {
                return now;
            }
            if Instant::now() > deadline {
                let shown =
                    format!("{open} connections, {alive} actors; from {first:?} to {now:?}");
                self.run_state.violation("everything is released", &shown);
                return now;
            }
            tokio::time::sleep(STEP).await;
        }
    }
}

/// Consul itself registers nodes, services and checks too, whose values say nothing of writes.
fn ours(state: Option<State>) -> Option<State> {
    state.map(|state| {
        let ours = state.into_iter().filter(|(name, _)| is_ours(name));
        ours.collect()
    })
}
