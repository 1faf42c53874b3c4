//! A stock agent over HTTPS, and a supervisor whose watches go to it through a proxy.

use actix::prelude::*;
use consul_watch::{ConsulConfig, WatchSupervisor};
use consul_watch_harness::{Authority, FaultProxy, TestAgent, fixture::supervisor};

/// The agent, the proxy, and the supervisor.
pub(crate) struct SecureFixture {
    pub(crate) agent: TestAgent,
    pub(crate) proxy: FaultProxy,
    pub(crate) watches: Addr<WatchSupervisor>,
    _authority: Authority,
}

/// Starts a stock agent behind a proxy that counts connections.
pub(crate) fn start(change: impl FnOnce(ConsulConfig) -> ConsulConfig) -> SecureFixture {
    let authority = Authority::new();
    let agent = authority.agent().start();
    let proxy = FaultProxy::raw(agent.https_addr());
    let config = ConsulConfig::default()
        .with_address(format!("https://{}", proxy.addr()))
        .expect("an address")
        .with_ca_file(authority.certificate());
    SecureFixture {
        agent,
        proxy,
        watches: supervisor(&change(config)),
        _authority: authority,
    }
}
