//! A real Consul agent and a faulty network, for the tests and demos of `consul-watch`.
//!
//! Start with [`TestAgent`]: it brings Consul, starts an agent on free loopback ports and takes it away
//! again when dropped. Put a [`FaultProxy`] in front of it to refuse, silence, cut or falsify what passes
//! between Consul and its client. [`eventually`] waits for what has no event of its own.
//!
//! Everything blocks, so that it works under any runtime or none. The calls that wait long for something
//! have an `async` counterpart for tests whose own thread runs the client under test.
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

mod agent;
mod authority;
mod binary;
mod builder;
mod cluster;
mod fetch;
mod http;
mod kv;
mod ports;
mod proxy;
mod signal;
mod wait;

pub use agent::TestAgent;
pub use authority::Authority;
pub use binary::{BinaryError, consul};
pub use builder::{AgentBuilder, AgentError};
pub use cluster::TestCluster;
pub use http::{Http, HttpReply};
pub use kv::KvEntry;
pub use proxy::{Canned, Cut, FaultProxy, ProxyStats, Refusal, ResponseFault, Rule, SeenRequest};
pub use signal::{Signal, signal};
pub use wait::{eventually, eventually_async, eventually_some, eventually_some_async};
