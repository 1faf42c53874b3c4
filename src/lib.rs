//! Consul watches as supervised actix actors.
//!
//! Start with [`WatchSupervisor`]: it takes [`Watch`] and sends [`Changed`] to your actor. The rest is à
//! la carte: [`kv`] reads and writes keys, [`client`] talks to Consul without any actor.

pub mod checkpoint;
pub mod client;
pub mod decode;
pub mod definition;
pub mod handlers;
pub mod kv;
pub mod model;
#[cfg(feature = "cli")]
pub mod service;
pub mod watch;

#[doc(no_inline)]
pub use consul_watch_actors as actors;
pub use consul_watch_actors::{
    Backoff, BackoffError, Change, ChangeKind, Changed, EventKind, Failure, FailureClass, GetSnapshots, Item,
    Observe, Quiescence, Ready, ReadyError, Reason, ResetError, Selection, Snapshot, Snapshots, Status, Stop,
    Stopped, Subscriber, SubscriptionId, Throttle, View, Watch, WatchError, WatchEvent, WatchPath,
    WatchState, WatchStatus,
};

pub use self::{
    client::{ConsulClient, ConsulConfig},
    kv::{KvPair, KvStore},
    watch::{
        AgentService, Checks, ConnectLeaf, ConnectRoots, Event, Key, KeyPrefix, KeySpaces, Nodes, Service,
        ServiceCatalog, Services,
    },
};

/// The actor that owns the watches of one Consul configuration.
pub type WatchSupervisor = consul_watch_actors::WatchSupervisor<ConsulConfig>;

/// Starts every watcher afresh, with another configuration or the one there is.
pub type Reset = consul_watch_actors::Reset<ConsulConfig>;
