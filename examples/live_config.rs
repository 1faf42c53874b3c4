//! An application whose configuration lives in Consul: it prints every change below `kvTest/test`.
//!
//! It writes a key and reads it back, watches, resets on SIGHUP, and stops its watches before it ends on SIGINT, SIGTERM
//! or SIGQUIT.
//!
//! ```console
//! $ consul agent -dev &
//! $ cargo run --example live_config
//! ```

use std::error::Error;

use actix::prelude::*;
use consul_watch::{
    Changed, ConsulConfig, KeyPrefix, KvPair, KvStore, Ready, Reset, Stop, Watch, WatchSupervisor,
};
use tokio::signal::unix::{SignalKind, signal};

/// Prints each change.
struct App;

impl Actor for App {
    type Context = Context<Self>;
}

impl Handler<Changed<KeyPrefix>> for App {
    type Result = ();

    fn handle(&mut self, changed: Changed<KeyPrefix>, _: &mut Self::Context) {
        for change in changed.changes() {
            let (kind, key) = (change.kind(), &change.item().key);
            let value = change.new().map_or("-".to_owned(), |pair| text(pair));
            println!(
                "change {kind} {key} index={} reason={} value={value}",
                changed.index, changed.reason
            );
        }
    }
}

fn text(pair: &KvPair) -> String {
    String::from_utf8_lossy(pair.value.as_deref().unwrap_or_default()).into_owned()
}

fn configuration() -> Result<ConsulConfig, Box<dyn Error>> {
    Ok(ConsulConfig::from_env()?.with_prefix("kvTest"))
}

#[actix::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    // Signals are handled before the first line is printed, so that its reader may send one.
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut quit = signal(SignalKind::quit())?;

    let consul = configuration()?;
    let watches = WatchSupervisor::new(consul.clone()).start();
    watches
        .send(Watch::new(KeyPrefix::new("test"), App.start()))
        .await??;

    // Consul may be down: the watch waits for it, and so does this.
    let store = KvStore::connect(&consul)?;
    match store.put("test/started", "yes").await {
        Ok(()) => println!(
            "stored {}",
            store.get("test/started").await?.to_value().as_str()?
        ),
        Err(error) => eprintln!("Consul did not take test/started: {error}"),
    }

    let ready = watches.send(Ready::path("test"));
    actix::spawn(async move {
        if let Ok(Ok(())) = ready.await {
            println!("ready");
        }
    });

    loop {
        tokio::select! {
            _ = hangup.recv() => match configuration() {
                Ok(consul) => {
                    let watchers = watches.send(Reset::with(consul)).await??;
                    println!("reset {watchers}");
                }
                Err(error) => eprintln!("the configuration stays as it was: {error}"),
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = quit.recv() => break,
        }
    }
    watches.send(Stop::all()).await?;
    println!("stopped");
    Ok(())
}
