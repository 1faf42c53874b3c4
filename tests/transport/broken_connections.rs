//! Consul does not notice that the connection of a held query broke, and counts it until its wait ends. So do we,
//! unless the agent is known to be gone.

use actix::Addr;
use consul_watch::{ConsulConfig, WatchState, WatchSupervisor};
use consul_watch_harness::{
    Cut, FaultProxy, Refusal, TestAgent,
    fixture::{supervisor, until},
};

use crate::values::Values;

const KEYS: [&str; 3] = ["broken/a", "broken/b", "broken/c"];

#[actix_rt::test]
async fn a_broken_connection_counts_until_its_agent_is_known_to_be_gone() {
    let agent = TestAgent::dev();
    let proxy = FaultProxy::start(agent.http_addr());
    // With Consul's own wait of 5 min, so that no permit is released while this test runs.
    let config = ConsulConfig::default()
        .with_address(proxy.url())
        .expect("an address")
        .with_max_watch_connections(KEYS.len());
    let watches = supervisor(&config);
    let mut values = Values::start();
    for key in KEYS {
        values.watch(&watches, key).await;
        assert_eq!(values.next("the first state").await, None);
    }
    all_are(&watches, WatchState::is_live).await;

    proxy.cut(Cut::Reset);
    // Consul still counts three.
    let is_polling = |state: &WatchState| matches!(state, WatchState::Polling { .. });
    all_are(&watches, is_polling).await;
    agent.put(KEYS[0], "late, never lost");
    assert_eq!(
        values.next("a change").await.as_deref(),
        Some("late, never lost")
    );

    proxy.refuse(Refusal::Closed);
    proxy.cut(Cut::Reset);
    let is_retrying = |state: &WatchState| matches!(state, WatchState::Retrying { .. });
    all_are(&watches, is_retrying).await;
    proxy.pass();
    all_are(&watches, WatchState::is_live).await;
    values.has_nothing();
}

async fn all_are(watches: &Addr<WatchSupervisor>, is: impl Fn(&WatchState) -> bool) {
    for key in KEYS {
        until(watches, key, "the state", |status| is(&status.state)).await;
    }
}
