//! consul-watch, as an application uses it: a supervisor and an actor.

use actix::{Actor, Context, Handler};
use consul_watch::{Change, Changed, ConsulConfig, Key, KeyPrefix, Watch, WatchSupervisor};

use super::{Contender, Side, Watched, child};
use crate::config::Config;

pub const TITLE: &str = "consul-watch";

pub const ONE_THREAD: &str = "consul-watch, one thread";

/// consul-watch with its watchers on the application's thread, as in all the other contenders.
pub fn on_one_thread(config: &Config) -> Contender {
    config.contender("ours-on-one-thread", ONE_THREAD, Side::Ours)
}

pub(super) fn contender(config: &Config) -> Contender {
    config.contender("ours", TITLE, Side::Ours)
}

struct App;

impl Actor for App {
    type Context = Context<Self>;
}

impl Handler<Changed<Key>> for App {
    type Result = ();

    fn handle(&mut self, changed: Changed<Key>, _: &mut Context<Self>) {
        let at = child::now();
        let value = changed
            .current
            .as_ref()
            .as_ref()
            .and_then(|pair| pair.value.clone());
        child::seen(&value.unwrap_or_default(), at);
    }
}

impl Handler<Changed<KeyPrefix>> for App {
    type Result = ();

    fn handle(&mut self, changed: Changed<KeyPrefix>, _: &mut Context<Self>) {
        let at = child::now();
        let found = changed.changes();
        let last = found
            .iter()
            .filter_map(|change| match change {
                Change::Added(pair) | Change::Updated { new: pair, .. } => Some(pair),
                _ => None,
            })
            .max_by_key(|pair| pair.modify_index);
        child::seen(
            last.and_then(|pair| pair.value.as_deref())
                .unwrap_or_default(),
            at,
        );
    }
}

pub(super) fn run(args: &[&str], arbiters: usize) -> Result<(), String> {
    let (watched, address) = child::arguments(args)?;
    actix::System::new().block_on(async move {
        let config = ConsulConfig::default()
            .with_address(address)
            .map_err(|error| error.to_string())?;
        let supervisor = WatchSupervisor::new(config).arbiters(arbiters).start();
        let app = App.start();
        child::wait_for_go()?;
        let watching = match watched {
            Watched::Key(name) => supervisor.send(Watch::new(Key::new(name), app)).await,
            Watched::Prefix(name) => supervisor.send(Watch::new(KeyPrefix::raw(name), app)).await,
        };
        watching
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        std::future::pending::<()>().await;
        Ok(())
    })
}
