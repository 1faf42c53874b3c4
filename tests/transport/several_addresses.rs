//! One address fails, and the next one takes over.

use std::net::{Ipv4Addr, TcpListener};

use consul_watch::{ConsulConfig, KvStore};
use consul_watch_harness::{
    Cut, DEADLINE, FaultProxy, Refusal, TestAgent,
    fixture::{supervisor, until},
};

use crate::values::Values;

#[actix_rt::test]
async fn an_address_without_a_listener_is_skipped_in_the_same_call() {
    let agent = TestAgent::dev();
    // Closed at once, so it has no listener.
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|port| port.local_addr());
    let closed = closed.expect("a port");
    let addresses = [closed.to_string(), agent.http_addr().to_string()];
    let config = ConsulConfig::default()
        .with_addresses(addresses)
        .expect("addresses");
    let store = KvStore::connect(&config).expect("a client");
    store
        .put("several/a", "1")
        .await
        .expect("written at the second address");
    assert_eq!(agent.get("several/a").expect("written").0, b"1");
}

#[actix_rt::test]
async fn watches_move_to_the_next_address_and_repeat_nothing() {
    let agent = TestAgent::dev();
    let proxies = [
        FaultProxy::start(agent.http_addr()),
        FaultProxy::start(agent.http_addr()),
    ];
    let config = ConsulConfig::default().with_addresses(proxies.each_ref().map(FaultProxy::url));
    let watches = supervisor(&config.expect("addresses"));
    let mut values = Values::start();
    values.watch(&watches, "several/a").await;
    assert_eq!(values.next("the first state").await, None);
    assert_eq!(proxies[1].stats().accepted, 0, "the second is not needed");

    for (turn, (from, to)) in [(0, 1), (1, 0), (0, 1)].into_iter().enumerate() {
        let before = proxies[to].stats().requests;
        proxies[from].refuse(Refusal::Closed);
        proxies[from].cut(Cut::Reset);
        proxies[to]
            .until(DEADLINE, "the watch", |stats| stats.requests > before)
            .await;
        until(&watches, "several/a", "that it is live", |status| {
            status.state.is_live()
        })
        .await;
        values.has_nothing();
        agent.put("several/a", turn.to_string());
        assert_eq!(values.next("a change").await, Some(turn.to_string()));
        let first = &proxies[to].requests()[usize::try_from(before).expect("a few")];
        assert!(first.target.starts_with("/v1/kv/several/a"), "{first:?}");
        assert!(
            !first.target.contains("index="),
            "an index is only good where it comes from: {first:?}"
        );
        proxies[from].pass();
    }
}
