//! When all is whole again: everybody has Consul's state, once, and what is stopped is silent.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use consul_watch::{KeyPrefix, Status};
use consul_watch_harness::{FaultProxy, TestAgent};

use crate::company::Company;
use crate::listener::Temper;
use crate::player::{Part, Player};
use crate::random::Random;
use crate::record::State;
use crate::resources::Resources;
use crate::scene::Scene;
use crate::writer::{FOLDERS, KEYS, ROOT};

/// The longest stall of a subscriber, the longest wait for an answer and the longest back-off are over sooner.
const SETTLED: Duration = Duration::from_secs(60);

const STEP: Duration = Duration::from_millis(20);

pub(crate) struct Finale<'a> {
    pub(crate) agent: &'a TestAgent,
    pub(crate) proxy: &'a FaultProxy,
    pub(crate) scene: &'a Rc<Scene>,
    pub(crate) company: &'a mut Company,
}

impl Finale<'_> {
    pub(crate) async fn run(&mut self) {
        self.scene.calm.set(true);
        // A subscriber that panicked or left a moment ago may not be found gone at first.
        let deadline = Instant::now() + SETTLED;
        loop {
            self.company.gather().await;
            if self.company.players.iter().all(|player| player.is_there()) {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "the subscribers do not come back"
            );
        }
        self.mark("first");
        self.settle("all is whole again").await;
        self.each_once().await;
        self.silence().await;
    }

    /// A change to everything that is watched.
    fn mark(&self, turn: &str) {
        let value = self.scene.ledger.value(turn, 0);
        for key in KEYS {
            self.agent.put(key, &value);
        }
        for folder in FOLDERS {
            self.agent.put(&format!("{folder}/marker"), &value);
        }
    }

    /// What this player has to end up with.
    fn expected(all: &State, player: &dyn Player) -> State {
        let name = player.name();
        let folder = format!("{name}/");
        let belongs = |key: &str| key == name || key.starts_with(&folder);
        all.iter()
            .filter(|(key, _)| belongs(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    fn consul(&self) -> State {
        let entries = self.agent.list(ROOT).into_iter();
        entries
            .map(|entry| (entry.key, (entry.create_index, entry.value)))
            .collect()
    }

    /// Waits until everybody was shown Consul's state.
    async fn settle(&self, when: &str) {
        let deadline = Instant::now() + SETTLED;
        loop {
            let all = self.consul();
            let players = self.company.players.iter().map(|player| &**player);
            let late: Vec<_> = players
                .filter(|player| player.state() != Some(Self::expected(&all, *player)))
                .collect();
            if late.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                let status = self
                    .company
                    .watches
                    .send(Status::all())
                    .await
                    .expect("the supervisor runs");
                let status: Vec<_> = status.iter().map(ToString::to_string).collect();
                for player in late {
                    self.scene.violation(format!(
                        "{when}: {} was shown {:?}, Consul has {:?}; {status:#?}",
                        player.name(),
                        player.state(),
                        Self::expected(&all, player)
                    ));
                }
                return;
            }
            tokio::time::sleep(STEP).await;
        }
    }

    /// One more change is one more delivery: nothing was left over to come first, and nothing comes twice.
    async fn each_once(&mut self) {
        let counts = |company: &Company| -> BTreeMap<usize, u64> {
            company
                .players
                .iter()
                .map(|player| player.deliveries())
                .enumerate()
                .collect()
        };
        let before = counts(self.company);
        self.mark("second");
        self.settle("after one more change").await;
        // The third shows that nothing was still on its way after the second.
        self.mark("third");
        self.settle("after yet another change").await;
        for (at, count) in counts(self.company) {
            let player = &self.company.players[at];
            let came = count - before[&at];
            // The root is changed several times by each mark.
            if player.name() != ROOT && came != 2 {
                let name = player.name();
                self.scene
                    .violation(format!("{name}: two changes came in {came} deliveries"));
            }
        }
    }

    /// After the reply to `Stop` nothing comes, as a witness that sees the next change shows.
    async fn silence(&mut self) {
        self.company.stop_all().await;
        let before: Vec<u64> = self
            .company
            .players
            .iter()
            .map(|player| player.deliveries())
            .collect();
        let mut witness = Part::new(
            KeyPrefix::new(ROOT),
            ROOT,
            Temper::Steady,
            Random::new(0),
            self.scene,
        );
        witness.come(&self.company.watches).await;
        self.mark("fourth");
        let deadline = Instant::now() + SETTLED;
        while witness.state() != Some(self.consul()) {
            if Instant::now() > deadline {
                self.scene
                    .violation("the witness was not shown Consul's state".to_owned());
                break;
            }
            tokio::time::sleep(STEP).await;
        }
        let after: Vec<u64> = self
            .company
            .players
            .iter()
            .map(|player| player.deliveries())
            .collect();
        if before != after {
            self.scene.violation(format!(
                "delivered after Stop::all: {before:?} became {after:?}"
            ));
        }
        self.company.stop_all().await;
    }

    /// Lets everybody go, and waits until what they held is given back; says what is held then.
    pub(crate) async fn let_go(&mut self, first: Option<&Resources>) -> Resources {
        self.company.stop_all().await;
        for player in &mut self.company.players {
            player.end();
        }
        let deadline = Instant::now() + SETTLED;
        loop {
            let now = Resources::now();
            let back = first.is_none_or(|first| now.is_back_to(first));
            let (open, alive) = (self.proxy.open(), self.scene.alive.get());
            if back && open == 0 && alive == 0 {
                return now;
            }
            if Instant::now() > deadline {
                self.scene.violation(format!(
                    "not given back: {open} connections, {alive} actors; from {first:?} to {now:?}"
                ));
                return now;
            }
            tokio::time::sleep(STEP).await;
        }
    }
}
