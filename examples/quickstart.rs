//! The smallest application: it prints every change under `kvTest/test` until Ctrl-C.

use actix::prelude::*;
use consul_watch::{Changed, ConsulConfig, KeyPrefix, Stop, Watch, WatchSupervisor};

struct App;
impl Actor for App {
    type Context = Context<Self>;
}
impl Handler<Changed<KeyPrefix>> for App {
    type Result = ();
    fn handle(&mut self, changed: Changed<KeyPrefix>, _: &mut Self::Context) {
        for change in changed.changes() {
            println!("{change}");
        }
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let consul = ConsulConfig::from_env()?.with_prefix("kvTest");
    let watches = WatchSupervisor::new(consul).start();
    watches
        .send(Watch::new(KeyPrefix::new("test"), App.start().recipient()))
        .await??;
    tokio::signal::ctrl_c().await?;
    watches.send(Stop::path("test")).await?;
    Ok(())
}
