//! `agent_service`.

use consul_watch::AgentService;
use consul_watch::model::ServiceInstance;
use consul_watch_harness::{Canned, DEADLINE, ResponseFault, Rule};
use serde_json::json;

use crate::fixture::{is_written_back, start};
use crate::service::register_proxy;

#[actix_rt::test]
async fn an_instance_is_registered_changed_deregistered_and_registered_again() {
    let fixture = start();
    let mut feed = fixture.watch(AgentService::new("web1")).await;
    assert_eq!(*feed.next("the first value").await.current, None);
    fixture.agent.register("web1", "web", &["v1"]);
    let added = feed.says(&["added web1 at :80"]).await;
    assert_eq!(added.index, 0, "there is no index");
    fixture
        .agent
        .register_service(&json!({ "ID": "web1", "Name": "web", "Port": 81 }));
    feed.says(&["updated web1 at :81"]).await;
    fixture.agent.deregister("web1");
    assert_eq!(*feed.says(&["removed web1 at :81"]).await.current, None);
    fixture.until_state("agent_service:web1", "live").await;
    // With its old hash, which must not block the query.
    fixture
        .agent
        .register_service(&json!({ "ID": "web1", "Name": "web", "Port": 81 }));
    feed.says(&["added web1 at :81"]).await;
}

#[actix_rt::test]
async fn an_absent_instance_is_polled_at_a_bounded_rate() {
    let fixture = start();
    let mut feed = fixture.watch(AgentService::new("none")).await;
    feed.next("the first value").await;
    let before = fixture.proxy.stats().requests;
    let begin = std::time::Instant::now();
    fixture
        .proxy
        .until(DEADLINE, "three more requests", |stats| {
            stats.requests >= before + 3
        })
        .await;
    assert!(
        begin.elapsed() >= std::time::Duration::from_secs(2),
        "a pause before each: {:?}",
        begin.elapsed()
    );
    feed.has_nothing("it is still absent");
}

#[actix_rt::test]
async fn a_404_of_a_proxy_is_no_deregistration() {
    let fixture = start();
    fixture.agent.register("web1", "web", &[]);
    let mut feed = fixture.watch(AgentService::new("web1")).await;
    feed.says(&["added web1 at :80"]).await;
    for page in ["<html>404</html>", "404 page not found"] {
        let page = ResponseFault::Replace(Canned::new(404, page));
        fixture
            .proxy
            .inject(Rule::next(1, page).for_target("/v1/agent/service/web1"));
    }
    // Wakes the held query, which then receives the page.
    fixture.agent.register("web1", "web", &["v2"]);
    let changed = feed.next("the instance as it is").await;
    assert_eq!(
        (*changed.current)
            .as_ref()
            .expect("it never went")
            .tags
            .as_slice(),
        ["v2"]
    );
    fixture.until_state("agent_service:web1", "live").await;
    fixture.agent.deregister("web1");
    feed.says(&["removed web1 at :80"]).await;
}

#[actix_rt::test]
async fn the_json_of_a_proxy_is_consuls() {
    let fixture = start();
    register_proxy(&fixture);
    let mut feed = fixture.watch(AgentService::new("web-proxy")).await;
    let first = feed.next("the first value").await;
    let instance = (*first.current).as_ref().expect("it is there");
    is_written_back::<ServiceInstance>(&fixture.agent, "/v1/agent/service/web-proxy", instance);
    assert!(instance.extra.is_empty() && instance.proxy.extra.is_empty());
}

#[actix_rt::test]
async fn wrong_parameters_end_the_watch() {
    let fixture = start();
    fixture.watch(AgentService::new("..")).await;
    let status = fixture.until_state("agent_service:..", "stopped").await;
    assert!(status.to_string().contains("cannot be named"), "{status}");
}
