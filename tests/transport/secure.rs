//! A stock agent over HTTPS, and a supervisor whose watches go to it through a proxy.

use actix::prelude::*;
use consul_watch::{ConsulConfig, WatchSupervisor};
use consul_watch_harness::{Authority, FaultProxy, TestAgent};

use crate::feed::supervisor;

/// The setup of a test of watches over HTTPS.
pub(crate) struct Stage {
    pub(crate) agent: TestAgent,
    pub(crate) proxy: FaultProxy,
    pub(crate) watches: Addr<WatchSupervisor>,
    _authority: Authority,
}

/// A stock agent behind a proxy that counts connections.
pub(crate) fn stage(change: impl FnOnce(ConsulConfig) -> ConsulConfig) -> Stage {
    let authority = Authority::new();
    let agent = authority.agent().start();
    let proxy = FaultProxy::raw(agent.https_addr());
    let config = ConsulConfig::default()
        .with_address(format!("https://{}", proxy.addr()))
        .expect("an address")
        .with_ca_file(authority.certificate());
    Stage {
        agent,
        proxy,
        watches: supervisor(&change(config)),
        _authority: authority,
    }
}
