//! A proxy between Consul and its watches that answers 502, 503 or 504 to a query that is idle for longer than its own
//! timeout: that is the end of a wait, no outage.

use std::time::Duration;

use consul_watch::{ConsulConfig, EventKind};
use consul_watch_harness::{
    Canned, DEADLINE, Events, FaultProxy, ResponseFault, Rule, SeenRequest, TestAgent,
    fixture::supervisor,
};

use crate::values::Values;

/// Longer than the first waits on a new connection: Consul ends those itself.
const TIMEOUT: Duration = Duration::from_millis(1500);

#[actix_rt::test]
async fn a_query_that_a_proxy_ends_is_sent_again_at_once() {
    for status in [502, 503, 504] {
        let agent = TestAgent::dev();
        let proxy = FaultProxy::start(agent.http_addr());
        proxy.inject(Rule::always(ResponseFault::Timeout {
            after: TIMEOUT,
            reply: Canned::new(status, "upstream request timeout"),
        }));
        let config = ConsulConfig::default().with_address(proxy.url());
        let watches = supervisor(&config.expect("an address"));
        let mut values = Values::start();
        let mut events = Events::of(&watches).await;
        values.watch(&watches, "proxy/a").await;
        assert_eq!(values.next("the first state").await, None);
        // The first waits are short, and grow beyond the timeout.
        proxy
            .until(DEADLINE, "several waits", |stats| stats.requests >= 8)
            .await;
        let waits: Vec<_> = proxy.requests().iter().filter_map(wait).collect();
        let ended = |pair: &[Duration]| pair[0] > TIMEOUT && pair[1] < TIMEOUT;
        assert!(waits.windows(2).any(ended), "{status}: {waits:?}");
        agent.put("proxy/a", "1");
        assert_eq!(values.next("a change").await.as_deref(), Some("1"));
        while let Some(event) = events.waiting() {
            if let EventKind::State(state) = event.kind {
                assert_ne!(state.name(), "retrying", "{status}: {state}");
            }
        }
    }
}

/// The wait that a request asks for.
fn wait(request: &SeenRequest) -> Option<Duration> {
    let (_, wait) = request.target.split_once("wait=")?;
    let wait = wait.split_once("ms")?.0.parse().ok()?;
    Some(Duration::from_millis(wait))
}
