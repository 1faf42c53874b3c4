//! Consul refuses connections beyond its limit for each machine, those of other programs as well. Watches leave room.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use consul_watch::{ConsulConfig, FailureClass, KvStore, Ready, Status};
use consul_watch_harness::{
    Canned, DEADLINE, FaultProxy, Refusal, ResponseFault, Rule, TestAgent, fixture::supervisor,
    fixture::until,
};

use crate::values::Values;

/// Of Consul's 200 connections, a process that was killed holds three quarters, and the next one wants as many.
const WATCHES: usize = 150;

/// A query of a process that was killed: Consul holds it although its client is gone.
fn abandoned(agent: SocketAddr, wait: Duration) {
    let mut stream = TcpStream::connect(agent).expect("a connection");
    let wait = wait.as_secs();
    write!(
        stream,
        "GET /v1/kv/abandoned?index=1000000&wait={wait}s HTTP/1.1\r\nHost: consul\r\n\r\n"
    )
    .expect("a request");
}

/// Another program's request, on a connection of its own; returns whether it was answered.
fn another_program(agent: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(agent)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(
            b"GET /v1/status/leader HTTP/1.1\r\nHost: consul\r\nConnection: close\r\n\r\n",
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Before the budget learned from refusals, all other programs were locked out until the waits of the first process
/// ended.
#[actix_rt::test]
async fn a_restart_of_many_watches_leaves_room_for_other_programs() {
    let agent = TestAgent::dev();
    // Longer than the test: nothing of it is released.
    let wait = 3 * DEADLINE;
    for _ in 0..WATCHES {
        abandoned(agent.http_addr(), wait);
    }
    let config = ConsulConfig::default()
        .with_address(agent.url())
        .expect("an address");
    let watches = supervisor(&config);
    let mut values = Values::start();
    for n in 0..WATCHES {
        values.watch(&watches, format!("storm/{n}")).await;
    }
    let ready = tokio::time::timeout(DEADLINE, watches.send(Ready::all())).await;
    ready
        .expect("in time")
        .expect("the supervisor runs")
        .expect("they can be answered");
    let address = agent.http_addr();
    let (mut in_a_row, mut refused) = (0, 0);
    let deadline = Instant::now() + DEADLINE;
    // The slow start is over by then, and its refusal with it.
    while in_a_row < 300 {
        let probe = tokio::task::spawn_blocking(move || another_program(address));
        if probe.await.expect("no panic") {
            in_a_row += 1;
        } else {
            (in_a_row, refused) = (0, refused + 1);
        }
        assert!(
            Instant::now() < deadline,
            "other programs are refused again and again: {refused} times"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("another program was refused {refused} times");
    for _ in 0..WATCHES {
        assert_eq!(values.next("the first state").await, None);
    }
    let all = watches.send(Status::all()).await;
    let all = all.expect("the supervisor runs");
    let live = all.iter().filter(|status| status.state.is_live()).count();
    assert!(live > 0, "none has a connection");
    // Those without a connection poll: late, never lost.
    for n in 0..WATCHES {
        agent.put(&format!("storm/{n}"), "x");
    }
    for _ in 0..WATCHES {
        assert_eq!(values.next("the change").await.as_deref(), Some("x"));
    }
}

#[actix_rt::test]
async fn a_connection_that_consul_refuses_is_reported_with_its_remedy() {
    let agent = TestAgent::dev();
    let proxy = FaultProxy::start(agent.http_addr());
    let config = ConsulConfig::default().with_address(proxy.url());
    let watches = supervisor(&config.expect("an address"));
    proxy.refuse(Refusal::Limit);
    let mut values = Values::start();
    values.watch(&watches, "limit/a").await;
    let status = until(&watches, "limit/a", "a refusal", |status| {
        status
            .state
            .error()
            .is_some_and(|error| error.class() == FailureClass::LimitSuspected)
    })
    .await;
    let text = status.to_string();
    assert!(
        text.contains("too many concurrent connections")
            && text.contains("`limits.http_max_conns_per_client`"),
        "{text}"
    );
    proxy.pass();
    assert_eq!(values.next("the first state").await, None);
}

#[actix_rt::test]
async fn a_server_that_refuses_makes_room_for_another_one() {
    let rate = Canned::new(
        429,
        "rate limit exceeded, try again later or against a different server",
    );
    for limit in ["connections", "rate"] {
        let agent = TestAgent::dev();
        let proxies = [
            FaultProxy::start(agent.http_addr()),
            FaultProxy::start(agent.http_addr()),
        ];
        match limit {
            "connections" => proxies[0].refuse(Refusal::Limit),
            _ => proxies[0].inject(Rule::always(ResponseFault::Replace(rate.clone()))),
        }
        let config =
            ConsulConfig::default().with_addresses(proxies.each_ref().map(FaultProxy::url));
        let config = config.expect("addresses");
        let store = KvStore::connect(&config).expect("a client");
        store.put("limit/a", "1").await.expect("in the same call");
        let watches = supervisor(&config);
        let mut values = Values::start();
        values.watch(&watches, "limit/a").await;
        let first = values.next("the first state").await;
        assert_eq!(first.as_deref(), Some("1"), "{limit}");
    }
}

#[actix_rt::test]
async fn a_short_call_waits_for_room() {
    let agent = TestAgent::dev();
    let proxy = FaultProxy::start(agent.http_addr());
    let config = ConsulConfig::default().with_address(proxy.url());
    let config = config.expect("an address").with_request_timeout(DEADLINE);
    let store = KvStore::connect(&config).expect("a client");
    proxy.refuse(Refusal::Limit);
    let call = actix_rt::spawn(async move { store.put("limit/a", "1").await });
    proxy
        .until(DEADLINE, "refusals", |stats| stats.accepted >= 3)
        .await;
    assert!(!call.is_finished());
    proxy.pass();
    call.await.expect("no panic").expect("written");
    assert_eq!(agent.get("limit/a").expect("written").0, b"1");
}
