//! All subscribers, and what is done with them at random.

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::{ConsulConfig, Key, KeyPrefix, Reset, Stop, Stopped, WatchSupervisor};

use crate::listener::{TEMPERS, Temper};
use crate::player::{Part, Player, REPLY};
use crate::random::Random;
use crate::scene::Scene;
use crate::writer::{FOLDERS, KEYS, ROOT};

pub(crate) struct Company {
    pub(crate) players: Vec<Box<dyn Player>>,
    pub(crate) watches: Addr<WatchSupervisor>,
    config: ConsulConfig,
    scene: Rc<Scene>,
    random: Random,
}

impl Company {
    pub(crate) fn new(
        watches: &Addr<WatchSupervisor>,
        config: &ConsulConfig,
        scene: &Rc<Scene>,
        mut random: Random,
    ) -> Self {
        let mut players: Vec<Box<dyn Player>> = Vec::new();
        for temper in TEMPERS {
            for name in FOLDERS {
                players.push(Box::new(Part::new(
                    KeyPrefix::new(name),
                    name,
                    temper,
                    random.fork(),
                    scene,
                )));
            }
            let name = random.pick(&KEYS);
            players.push(Box::new(Part::new(
                Key::new(name),
                name,
                temper,
                random.fork(),
                scene,
            )));
        }
        for name in KEYS {
            players.push(Box::new(Part::new(
                Key::new(name),
                name,
                Temper::Steady,
                random.fork(),
                scene,
            )));
        }
        players.push(Box::new(Part::new(
            KeyPrefix::new(ROOT),
            ROOT,
            Temper::Steady,
            random.fork(),
            scene,
        )));
        players.push(Box::new(Part::new(
            KeyPrefix::new(ROOT),
            ROOT,
            Temper::Slow,
            random.fork(),
            scene,
        )));
        Self {
            players,
            watches: watches.clone(),
            config: config.clone(),
            scene: Rc::clone(scene),
            random,
        }
    }

    /// Brings everybody back who is not there.
    pub(crate) async fn gather(&mut self) {
        for player in &mut self.players {
            if !player.is_there() {
                player.come(&self.watches).await;
            }
        }
    }

    /// Does one thing at random.
    pub(crate) async fn act(&mut self) {
        let one = self.random.index(self.players.len());
        match self.random.below(100) {
            0..30 => match self.players[one].subscription() {
                Some(subscription) if self.players[one].is_there() => {
                    self.stop(Stop::subscription(subscription), |player| {
                        player.subscription() == Some(subscription)
                    })
                    .await;
                }
                _ => self.players[one].come(&self.watches).await,
            },
            30..40 => {
                let name = self.players[one].name().to_owned();
                self.stop(Stop::path(&*name), |player| player.name() == name)
                    .await;
            }
            40..42 => self.stop_all().await,
            42..50 => self.reset().await,
            50..54 => {
                // Nobody waits for this one, so that a Stop may come in the middle of it.
                self.scene.count(|tally| tally.resets += 1);
                self.watches.do_send(Reset::new());
            }
            54..75 => self.gather().await,
            _ => {
                let mut away: Vec<_> = self
                    .players
                    .iter_mut()
                    .filter(|player| !player.is_there())
                    .collect();
                if !away.is_empty() {
                    let one = self.random.index(away.len());
                    away[one].come(&self.watches).await;
                }
            }
        }
        tokio::time::sleep(self.random.up_to_ms(150)).await;
    }

    /// Stops everything.
    pub(crate) async fn stop_all(&mut self) {
        self.stop(Stop::all(), |_| true).await;
    }

    async fn stop(&mut self, stop: Stop, concerned: impl Fn(&dyn Player) -> bool) {
        self.scene.count(|tally| tally.stops += 1);
        let hold = if self.random.one_in(2) {
            self.random.up_to_ms(30)
        } else {
            Duration::ZERO
        };
        // What comes meanwhile waits in the mailboxes when the reply comes, and has to be taken back.
        thread::sleep(hold);
        let reply = self.watches.send(stop);
        thread::sleep(hold);
        let reply: Result<Result<Stopped, _>, _> = tokio::time::timeout(REPLY, reply).await;
        if !matches!(reply, Ok(Ok(_))) {
            self.scene
                .violation(format!("Stop was not answered: {reply:?}"));
        }
        for player in &mut self.players {
            if concerned(&**player) {
                player.stopped();
            }
        }
    }

    async fn reset(&mut self) {
        self.scene.count(|tally| tally.resets += 1);
        let reset = if self.random.one_in(2) {
            Reset::with(self.config.clone())
        } else {
            Reset::new()
        };
        let reply = tokio::time::timeout(REPLY, self.watches.send(reset)).await;
        if !matches!(reply, Ok(Ok(Ok(_)))) {
            self.scene
                .violation(format!("Reset was not answered: {reply:?}"));
        }
    }
}
