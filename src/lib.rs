//! Consul watches as supervised actix actors.
//!
//! Start with [`WatchSupervisor`]: it accepts [`Watch`] and sends [`Changed`] to your actor; [`watch`] has the types
//! of watches. The rest is à la carte: [`kv`] reads and writes keys, [`handlers`] run programs and call
//! URLs, [`decode`] turns keys into your own types, [`checkpoint`] skips what an earlier run has handled, and
//! [`client`] queries Consul without any actor.
//!
//! ```no_run
//! use actix::prelude::*;
//! use consul_watch::{Changed, ConsulConfig, Key, Watch, WatchSupervisor};
//!
//! struct App;
//! impl Actor for App { type Context = Context<Self>; }
//! impl Handler<Changed<Key>> for App {
//!     type Result = ();
//!     fn handle(&mut self, changed: Changed<Key>, _: &mut Self::Context) {
//!         println!("{:?}", changed.current);
//!     }
//! }
//!
//! # #[actix::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
//! watches.send(Watch::new(Key::new("app/port"), App.start())).await??;
//! # Ok(())
//! # }
//! ```
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `cli` | yes | the command, and the module `daemon`: watches from files |
//! | `tls` | yes | `https://` addresses, with rustls |
//!
//! Unix only: handlers use process groups and signals.

#[cfg(not(unix))]
compile_error!("consul-watch is for Unix only, since its handlers use process groups and signals");

mod absence;
pub mod checkpoint;
pub mod client;
#[cfg(feature = "cli")]
pub mod daemon;
pub mod decode;
pub mod definition;
pub mod handlers;
mod hex;
pub mod kv;
pub mod model;
mod permissions;
mod text;
pub mod watch;

#[doc(no_inline)]
pub use consul_watch_actors as actors;
pub use consul_watch_actors::{
    Backoff, BackoffError, Change, ChangeKind, Changed, EndReason, EventKind, Failure,
    FailureClass, GetSnapshots, Item, Observe, Quiescence, Ready, ReadyError, Reason, ResetError,
    Selection, Snapshot, Snapshots, StartAfresh, StartError, Status, Stop, Stopped, Subscriber,
    SubscriberCode, SubscriptionId, Throttle, View, Watch, WatchError, WatchEvent, WatchPath,
    WatchState, WatchStatus,
};

pub use self::{
    client::{ConsulClient, ConsulConfig},
    kv::{KvPair, KvStore},
    watch::{
        AgentService, Checks, ConnectLeaf, ConnectRoots, Event, Key, KeyPrefix, KeySet, Nodes,
        Service, ServiceCatalog, Services,
    },
};

/// The actor that owns the watches of one Consul configuration.
pub type WatchSupervisor = consul_watch_actors::WatchSupervisor<ConsulConfig>;

/// Restarts every watcher, with another configuration or the current one.
pub type Reset = consul_watch_actors::Reset<ConsulConfig>;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
