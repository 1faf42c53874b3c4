//! The proxy in front of a real agent.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::*;
use crate::{DEADLINE, Http, TestAgent};

/// A connection that stays open, to see what becomes of it.
fn ask(addr: SocketAddr, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream
}

fn everything(stream: &mut TcpStream) -> (String, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let end = stream
        .read_to_end(&mut bytes)
        .err()
        .map(|error| error.kind());
    (String::from_utf8(bytes).unwrap(), end)
}

/// One agent serves all the faults: each ends with `pass`.
#[test]
fn the_faults_show_to_a_client_as_they_are_named() {
    let agent = TestAgent::dev();
    let proxy = FaultProxy::start(agent.http_addr());
    let http = Http::new(proxy.addr()).with_timeout(Duration::from_millis(300));
    http.put("k", "0123456789");
    assert_eq!(proxy.requests()[0].target, "/v1/kv/k");
    let value = b"0123456789".to_vec();

    refuses(&proxy, &http);
    proxy.pass();
    assert_eq!(http.get("k").unwrap().0, value);
    silences(&agent, &proxy, &http);
    cuts(&agent, &proxy);
    falsifies(&proxy, &http);
    mutilates(&proxy, &http);
    assert_eq!(http.get("k").unwrap().0, value);
    proxy.wait_until_open(0, DEADLINE);
}

fn refuses(proxy: &FaultProxy, http: &Http) {
    proxy.refuse(Refusal::Closed);
    assert_eq!(
        http.try_entry("k").unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    proxy.refuse(Refusal::Reset);
    let error = http.try_entry("k").unwrap_err().kind();
    assert!(
        matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{error}"
    );
}

fn silences(agent: &TestAgent, proxy: &FaultProxy, http: &Http) {
    let (_, index) = agent.get("k").unwrap();
    let mut waiting = ask(proxy.addr(), &format!("/v1/kv/k?index={index}&wait=30s"));
    let seen = proxy.stats().requests;
    proxy.wait_until_requests(seen.max(3), DEADLINE);
    proxy.silence();
    assert!(
        http.try_put("other", b"").is_err(),
        "nothing comes of a new connection"
    );
    agent.put("k", "9876543210");
    assert_eq!(
        agent.get("other"),
        None,
        "nor does its request reach the agent"
    );
    waiting
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    assert_eq!(
        waiting.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    proxy.pass();
    waiting.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut answer = [0; 15];
    waiting.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK", "what was held back flows on");
    drop(waiting);
    proxy.wait_until_open(0, DEADLINE);
    agent.put("k", "0123456789");
}

fn cuts(agent: &TestAgent, proxy: &FaultProxy) {
    let (_, index) = agent.get("k").unwrap();
    let target = format!("/v1/kv/k?index={index}&wait=30s");
    let requests = proxy.stats().requests;
    let mut waiting = [ask(proxy.addr(), &target), ask(proxy.addr(), &target)];
    proxy.wait_until_requests(requests + 2, DEADLINE);
    assert_eq!(proxy.cut(Cut::Reset), 2);
    assert_eq!(proxy.open(), 0);
    for stream in &mut waiting {
        assert_eq!(
            everything(stream),
            (String::new(), Some(ErrorKind::ConnectionReset))
        );
    }
    let mut waiting = ask(proxy.addr(), &target);
    proxy.wait_until_requests(requests + 3, DEADLINE);
    assert_eq!(proxy.cut(Cut::Fin), 1);
    assert_eq!(everything(&mut waiting), (String::new(), None));
}

fn falsifies(proxy: &FaultProxy, http: &Http) {
    proxy.inject(
        Rule::next(1, ResponseFault::html(502, "<h1>Bad Gateway</h1>")).for_target("/kv/k"),
    );
    assert!(http.try_entry("other").unwrap().is_none());
    let reply = http.request("PUT", "/v1/kv/k", &[], b"lost");
    assert_eq!(
        (reply.status, reply.header("Content-Type")),
        (502, Some("text/html"))
    );
    assert_eq!(
        http.get("k").unwrap().0,
        b"0123456789",
        "the replaced request did not reach the agent"
    );

    proxy.inject(Rule::next(1, ResponseFault::index(0)));
    proxy.inject(Rule::next(1, ResponseFault::no_index()));
    let index = || {
        http.request("GET", "/v1/kv/k", &[], b"")
            .header("X-Consul-Index")
            .map(str::to_owned)
    };
    assert_eq!(index().as_deref(), Some("0"));
    assert_eq!(index(), None);
    assert!(index().is_some_and(|index| index != "0"));
}

fn mutilates(proxy: &FaultProxy, http: &Http) {
    for (how, end) in [
        (Cut::Reset, Some(ErrorKind::ConnectionReset)),
        (Cut::Fin, None),
    ] {
        proxy.inject(Rule::next(1, ResponseFault::CutBody { after: 4, how }));
        let (text, ended) = everything(&mut ask(proxy.addr(), "/v1/kv/k?raw"));
        assert_eq!(ended, end);
        // A reset may overtake the bytes before it.
        assert!(
            text.ends_with("\r\n\r\n0123") || how == Cut::Reset,
            "{text}"
        );
    }

    proxy.inject(Rule::next(1, ResponseFault::stall_after_headers()));
    let error = http.try_entry("k").unwrap_err().kind();
    assert!(
        matches!(error, ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );

    proxy.inject(Rule::always(ResponseFault::Drip {
        bytes: 50,
        every: Duration::from_millis(20),
    }));
    let start = Instant::now();
    let patient = Http::new(proxy.addr());
    assert!(patient.try_entry("k").unwrap().is_some());
    assert!(
        start.elapsed() >= Duration::from_millis(100),
        "it came in drops"
    );
    proxy.pass();
}

#[test]
fn a_raw_proxy_passes_any_bytes_and_a_dead_upstream_closes_the_client() {
    let agent = TestAgent::dev();
    let proxy = FaultProxy::raw(agent.http_addr());
    let http = Http::new(proxy.addr());
    http.put("k", vec![7; 100_000]);
    assert_eq!(http.get("k").unwrap().0, vec![7; 100_000]);
    let stats = proxy.wait_until(DEADLINE, "two connections to end", |stats| {
        stats.accepted == 2 && stats.open == 0
    });
    assert!(
        stats.bytes_to_upstream > 100_000 && stats.bytes_to_client > 100_000,
        "{stats:?}"
    );
    agent.kill();
    assert!(http.try_entry("k").is_err());
}

#[tokio::test(flavor = "current_thread")]
async fn waiting_leaves_the_runtime_to_the_client() {
    let agent = TestAgent::dev();
    let proxy = FaultProxy::start(agent.http_addr());
    let addr = proxy.addr();
    let client = async move {
        let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        stream.readable().await.unwrap();
    };
    let cut = async {
        proxy.until_open(1, DEADLINE).await;
        proxy.cut(Cut::Fin);
    };
    tokio::join!(client, cut);
}
