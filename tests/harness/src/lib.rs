//! A real Consul agent and a faulty network, for the tests and demos of `consul-watch`.
//!
//! Start with [`TestAgent`]: it fetches Consul, starts an agent on free loopback ports and ends it when
//! dropped. Put a [`FaultProxy`] in front of it to refuse, silence, cut or falsify what passes between Consul
//! and its client. [`eventually`] waits for conditions that have no event of their own.
//!
//! All of this blocks, so it works under any runtime or none. The calls that wait long have an `async`
//! counterpart for tests whose own thread runs the client under test.
//!
//! With the feature `fixture`, a `Fixture` is an agent, a proxy and a supervisor of watches, a `Feed` receives
//! what a watch delivers and checks the laws of all deliveries, and `log_capture` has the logs. The crates under
//! test are dependencies then.
//!
//! ```no_run
//! use consul_watch_harness::{FaultProxy, ResponseFault, Rule, TestAgent};
//!
//! let agent = TestAgent::dev();
//! let proxy = FaultProxy::start(agent.http_addr());
//! agent.put("kvTest/test/port", b"8080");
//! proxy.inject(Rule::next(3, ResponseFault::status(500, "rpc error: No cluster leader")));
//! // … point the client under test at `proxy.url()`
//! agent.kill();
//! agent.restart_empty();
//! proxy.pass();
//! ```

#[cfg(feature = "fixture")]
mod acl;
mod agent;
mod authority;
mod binary;
mod builder;
mod catalog;
mod cluster;
#[cfg(feature = "fixture")]
mod describe;
#[cfg(feature = "fixture")]
mod events;
mod fetch;
#[cfg(feature = "fixture")]
pub mod fixture;
mod http;
pub mod isolation;
mod kv;
#[cfg(feature = "fixture")]
pub mod log_capture;
mod parity;
mod ports;
mod proxy;
pub mod random;
#[cfg(feature = "fixture")]
pub mod recorder;
mod release;
mod rights;
mod signal;
mod snapshot;
mod wait;

#[cfg(feature = "fixture")]
pub use acl::Acl;
pub use agent::TestAgent;
pub use authority::Authority;
pub use binary::{BinaryError, consul};
pub use builder::{AgentBuilder, AgentError};
pub use cluster::TestCluster;
#[cfg(feature = "fixture")]
pub use describe::{Describe, described, state, text};
#[cfg(feature = "fixture")]
pub use events::Events;
#[cfg(feature = "fixture")]
pub use fixture::Fixture;
pub use http::{Http, HttpReply};
pub use kv::KvEntry;
pub use parity::{ParityRow, assert_parity, parity_cell, parity_since};
pub use proxy::{Canned, Cut, FaultProxy, ProxyStats, Refusal, ResponseFault, Rule, SeenRequest};
#[cfg(feature = "fixture")]
pub use recorder::{Feed, StopActor};
pub use release::release;
pub use rights::{MANAGEMENT, Rights};
pub use signal::{Signal, kill_group, signal};
pub use wait::{DEADLINE, eventually, eventually_async, eventually_some, eventually_some_async};
