//! A child process that holds many watches.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::str::FromStr;

use actix::{Actor, Addr};
use consul_watch::{Key, KeyPrefix, Ready, Status, Watch, WatchSupervisor};

use super::counters::RoundCounters;
use super::ipc::{Commands, print_line};
use super::keys::{ROOT, folder, key};
use super::listener::{Listener, Sleeper};
use super::url::Url;
use crate::measure::{allocations, count_allocations, monotonic_ns};

/// The watched key or prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Workload {
    /// Many folders, one actor.
    Folders,
    /// Many keys under one declared root, one actor.
    Keys,
    /// Many keys under one declared root, one actor per key.
    KeysAndActors,
    /// The root alone, one actor.
    Root,
    /// The root alone, one actor, beside many actors that watch nothing.
    RootAndActors,
    /// The root alone, one actor that reports its wake-ups; allocations are counted.
    Woken,
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "folders" => Self::Folders,
            "keys" => Self::Keys,
            "keys-and-actors" => Self::KeysAndActors,
            "root" => Self::Root,
            "root-and-actors" => Self::RootAndActors,
            "woken" => Self::Woken,
            _ => return Err(format!("unknown workload {name}")),
        })
    }
}

struct WatchHolder {
    watches: Addr<WatchSupervisor>,
    counters: Rc<RefCell<RoundCounters>>,
    /// The actors that watch nothing, kept alive.
    others: Vec<Addr<Listener>>,
}

/// Runs the child process. Arguments: `URL CERTIFICATE|- WORKLOAD COUNT`.
pub(super) fn run(args: &[&str]) -> Result<(), String> {
    let [address, certificate, what, count] = args else {
        return Err("usage: URL CERTIFICATE|- WORKLOAD COUNT".to_owned());
    };
    let what: Workload = what.parse()?;
    let count: usize = count.parse().map_err(|error| format!("{count}: {error}"))?;
    let config = Url::new(address, certificate).config()?;
    actix::System::new().block_on(async move {
        let mut watches = WatchSupervisor::new(config);
        if matches!(what, Workload::Keys | Workload::KeysAndActors) {
            watches = watches.shared_root(KeyPrefix::new(ROOT));
        }
        let watches = watches.start();
        let mut held = WatchHolder {
            watches,
            counters: RoundCounters::of(count),
            others: Vec::new(),
        };
        if what == Workload::Woken {
            count_allocations();
        }
        let mut commands = Commands::wait_for_go().await?;
        held.watch(what, count).await?;
        held.watches
            .send(Ready::all())
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        print_line(&format!("ready {}", monotonic_ns()));
        loop {
            held.answer(&commands.next().await).await?;
        }
    })
}

impl WatchHolder {
    async fn watch(&mut self, what: Workload, count: usize) -> Result<(), String> {
        let listener = || Listener(Rc::clone(&self.counters)).start();
        let one = listener();
        match what {
            Workload::Root => {
                self.subscribe(Watch::new(KeyPrefix::new(ROOT), one))
                    .await?;
            }
            Workload::Woken => {
                self.subscribe(Watch::new(KeyPrefix::new(ROOT), Sleeper.start()))
                    .await?;
            }
            Workload::RootAndActors => {
                self.others = (0..count).map(|_| listener()).collect();
                self.subscribe(Watch::new(KeyPrefix::new(ROOT), one))
                    .await?;
            }
            Workload::Folders => {
                for n in 0..count {
                    self.subscribe(Watch::new(KeyPrefix::new(folder(n)), one.clone()))
                        .await?;
                }
            }
            Workload::Keys => {
                for n in 0..count {
                    self.subscribe(Watch::new(Key::new(key(n)), one.clone()))
                        .await?;
                }
            }
            Workload::KeysAndActors => {
                for n in 0..count {
                    self.subscribe(Watch::new(Key::new(key(n)), listener()))
                        .await?;
                }
            }
        }
        Ok(())
    }

    async fn subscribe<Q>(&self, watch: Watch<Q>) -> Result<(), String>
    where
        Q: consul_watch_actors::Query<Source = consul_watch::ConsulConfig>,
    {
        let reply = self
            .watches
            .send(watch)
            .await
            .map_err(|error| error.to_string())?;
        reply.map(drop).map_err(|error| error.to_string())
    }

    async fn answer(&self, command: &str) -> Result<(), String> {
        match command.split_once(' ') {
            None if command == "states" => {
                let mut states: BTreeMap<&str, usize> = BTreeMap::new();
                for status in self
                    .watches
                    .send(Status::all())
                    .await
                    .map_err(|error| error.to_string())?
                {
                    *states.entry(status.state.name()).or_default() += 1;
                }
                let states: Vec<String> = states
                    .iter()
                    .map(|(name, count)| format!("{name}={count}"))
                    .collect();
                print_line(&format!("states {}", states.join(" ")));
            }
            None if command == "allocations" => {
                let (calls, bytes) = allocations();
                print_line(&format!("allocations {calls} {bytes}"));
            }
            Some(("count", round)) => {
                let round = round.parse().map_err(|error| format!("{round}: {error}"))?;
                print_line(&format!(
                    "count {}",
                    self.counters.borrow().delivered(round)
                ));
            }
            _ => return Err(format!("unknown command: {command}")),
        }
        Ok(())
    }
}
