//! An agent whose node is called `here`, and a supervisor.

use consul_watch_harness::{DEADLINE, Fixture, TestAgent, eventually};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Starts the agent and a supervisor.
pub(crate) fn start() -> Fixture {
    let agent = TestAgent::builder()
        .dev()
        .config(r#"node_name = "here""#)
        .start();
    let fixture = Fixture::of(agent, |config| config);
    settle(&fixture.agent);
    fixture
}

/// Waits until the agent has written everything about itself into the catalog.
pub(crate) fn settle(agent: &TestAgent) {
    eventually(DEADLINE, "the agent's own entry", || {
        let node = agent.get_json("/v1/catalog/nodes");
        let checks = agent.get_json("/v1/health/node/here");
        !node[0]["Meta"].is_null()
            && !node[0]["TaggedAddresses"].is_null()
            && checks[0]["Status"] == "passing"
    });
}

/// Reads the agent's answer as this type and writes it again, without a loss; then checks that `delivered` is written
/// as the agent does.
#[track_caller]
pub(crate) fn is_written_back<T: Serialize + DeserializeOwned>(
    agent: &TestAgent,
    target: &str,
    delivered: &T,
) {
    let sent = agent.get_json(target);
    let read: T = serde_json::from_value(sent.clone()).expect("a value");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), sent, "{target}");
    assert_eq!(
        serde_json::to_value(delivered).expect("JSON"),
        sent,
        "the delivered value of {target}"
    );
}
