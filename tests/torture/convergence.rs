//! The end of a run, without faults: every subscriber converges to Consul's state, once, and is silent after `Stop`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use consul_watch::{KeyPrefix, Status};
use consul_watch_harness::random::Rng;
use consul_watch_harness::{DEADLINE, FaultProxy, TestAgent};

use crate::checker::State;
use crate::recording_actor::Behavior;
use crate::resources::Resources;
use crate::run_state::RunState;
use crate::subscriber::{AnySubscriber, TestSubscriber};
use crate::subscribers::Subscribers;
use crate::user_code;
use crate::writer::{FOLDERS, KEYS, ROOT};

const STEP: Duration = Duration::from_millis(20);

pub(crate) struct Convergence<'a> {
    pub(crate) agent: &'a TestAgent,
    pub(crate) proxy: &'a FaultProxy,
    pub(crate) run_state: &'a Rc<RunState>,
    pub(crate) subscribers: &'a mut Subscribers,
}

impl Convergence<'_> {
    pub(crate) async fn run(&mut self) {
        self.run_state.calm.set(true);
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
        let value = self.run_state.history.value(turn, 0);
        for key in KEYS {
            self.agent.put(key, &value);
        }
        for folder in FOLDERS {
            self.agent.put(&format!("{folder}/marker"), &value);
        }
    }

    /// Returns the state that this subscriber has to converge to.
    fn expected(all: &State, subscriber: &dyn AnySubscriber) -> State {
        let path = subscriber.path();
        let name = path.name().trim_end_matches('/');
        let folder = format!("{name}/");
        let belongs = |key: &str| key == name || key.starts_with(&folder);
        let keys = all
            .iter()
            .filter(|(key, _)| belongs(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        subscriber.expected(keys)
    }

    fn consul(&self) -> State {
        let entries = self.agent.list(ROOT).into_iter();
        entries
            .map(|entry| (entry.key, (entry.create_index, entry.value)))
            .collect()
    }

    /// Waits until every subscriber has Consul's state.
    async fn converge(&self, when: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let all = self.consul();
            let subscribers = self.subscribers.all.iter().map(|subscriber| &**subscriber);
            let late: Vec<_> = subscribers
                .filter(|subscriber| subscriber.state() != Some(Self::expected(&all, *subscriber)))
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
                    self.run_state.violation(format!(
                        "{when}: {} has {:?}, Consul has {:?}; {status:#?}",
                        subscriber.path(),
                        subscriber.state(),
                        Self::expected(&all, subscriber)
                    ));
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
            // Each mark changes the root several times.
            if path.name() != ROOT && deliveries != 2 {
                self.run_state
                    .violation(format!("{path}: two changes made {deliveries} deliveries"));
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
        while witness.state() != Some(self.consul()) {
            if Instant::now() > deadline {
                self.run_state
                    .violation("the witness does not get Consul's state".to_owned());
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
            self.run_state.violation(format!(
                "delivered after Stop::all: {before:?} became {after:?}"
            ));
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
                self.run_state.violation(format!(
                    "not released: {open} connections, {alive} actors; from {first:?} to {now:?}"
                ));
                return now;
            }
            tokio::time::sleep(STEP).await;
        }
    }
}
