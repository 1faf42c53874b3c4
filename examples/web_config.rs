//! A web server whose handlers read their configuration from Consul, live.
//!
//! The folder `web` is one struct. The actor system keeps it up to date; the threads of the server read it at any time,
//! without awaiting and without their own lock.
//!
//! ```console
//! $ consul agent -dev &
//! $ cargo run --example web_config
//! listening on 127.0.0.1:41234
//! $ consul kv put web/greeting "Good morning" && curl 127.0.0.1:41234
//! Good morning (at most 10 guests)
//! ```

use std::{
    error::Error,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use actix::prelude::*;
use consul_watch::{
    Changed, ConsulConfig, KeyPrefix, Ready, Snapshots, Watch, WatchSupervisor,
    watch::DecodedPrefix,
};

/// The values of the keys below `web/`. A missing or deleted key has its default.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Web {
    #[serde(default = "hello")]
    greeting: String,
    #[serde(default = "ten")]
    guests: u32,
}

fn hello() -> String {
    "Hello".to_owned()
}

fn ten() -> u32 {
    10
}

/// Prints changes of the configuration. The handlers do not need it.
struct Log;

impl Actor for Log {
    type Context = Context<Self>;
}

impl Handler<Changed<DecodedPrefix<Web>>> for Log {
    type Result = ();

    fn handle(&mut self, changed: Changed<DecodedPrefix<Web>>, _: &mut Self::Context) {
        eprintln!("the configuration is {:?}", *changed.current);
    }
}

/// A handler on a thread of the web server.
fn answer(
    stream: &mut TcpStream,
    settings: &Snapshots,
    query: &DecodedPrefix<Web>,
) -> std::io::Result<()> {
    for line in BufReader::new(&*stream).lines() {
        if line?.is_empty() {
            break;
        }
    }
    // The latest value, independent of the actors.
    let body = match settings.get(query) {
        Some(web) => format!("{} (at most {} guests)\n", web.greeting, web.guests),
        None => "no configuration yet\n".to_owned(),
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[actix::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let query = KeyPrefix::new("web").decode::<Web>();
    let supervisor = WatchSupervisor::new(ConsulConfig::from_env()?);
    let settings = supervisor.snapshots();
    let watches = supervisor.start();
    watches
        .send(Watch::new(query.clone(), Log.start()))
        .await??;
    watches.send(Ready::query(&query)).await??;

    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    for _ in 0..4 {
        let (listener, settings, query) = (listener.try_clone()?, settings.clone(), query.clone());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // The client may have disconnected.
                let _ = answer(&mut stream, &settings, &query);
            }
        });
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}
