//! `agent_service`.

use consul_watch::AgentService;
use consul_watch::model::ServiceInstance;
use consul_watch_harness::{Canned, ResponseFault, Rule};
use serde_json::json;

use crate::recorder::SOON;
use crate::service::register_proxy;
use crate::stage::Stage;

#[actix_rt::test]
async fn an_instance_comes_changes_goes_and_comes_back_as_it_was() {
    let stage = Stage::start();
    let mut feed = stage.watch(AgentService::new("web1")).await;
    assert_eq!(*feed.next("the first value").await.current, None);
    stage.register("web1", "web", &["v1"]);
    let added = feed.says(&["added web1 at :80"]).await;
    assert_eq!(added.index, 0, "there is no index");
    stage.register_as(&json!({ "ID": "web1", "Name": "web", "Port": 81 }));
    feed.says(&["updated web1 at :81"]).await;
    stage.deregister("web1");
    assert_eq!(*feed.says(&["removed web1 at :81"]).await.current, None);
    stage.until("agent_service:web1", "live").await;
    // With the hash it had, which must not hold the query.
    stage.register_as(&json!({ "ID": "web1", "Name": "web", "Port": 81 }));
    feed.says(&["added web1 at :81"]).await;
}

#[actix_rt::test]
async fn what_is_not_there_is_asked_for_calmly() {
    let stage = Stage::start();
    let mut feed = stage.watch(AgentService::new("none")).await;
    feed.next("the first value").await;
    let before = stage.proxy.stats().requests;
    let begin = std::time::Instant::now();
    stage
        .proxy
        .until(SOON, "three more requests", |stats| {
            stats.requests >= before + 3
        })
        .await;
    assert!(
        begin.elapsed() >= std::time::Duration::from_secs(2),
        "a pause before each: {:?}",
        begin.elapsed()
    );
    feed.has_nothing("it is still not there");
}

#[actix_rt::test]
async fn a_404_of_somebody_between_is_no_deregistration() {
    let stage = Stage::start();
    stage.register("web1", "web", &[]);
    let mut feed = stage.watch(AgentService::new("web1")).await;
    feed.says(&["added web1 at :80"]).await;
    for page in ["<html>404</html>", "404 page not found"] {
        let page = ResponseFault::Replace(Canned::new(404, page));
        stage
            .proxy
            .inject(Rule::next(1, page).for_target("/v1/agent/service/web1"));
    }
    // Wakes what is held, which then gets the pages.
    stage.register("web1", "web", &["v2"]);
    let changed = feed.next("the instance as it is").await;
    assert_eq!(
        (*changed.current)
            .as_ref()
            .expect("it never went")
            .tags
            .as_slice(),
        ["v2"]
    );
    stage.until("agent_service:web1", "live").await;
    stage.deregister("web1");
    feed.says(&["removed web1 at :80"]).await;
}

#[actix_rt::test]
async fn a_proxy_is_written_back() {
    let stage = Stage::start();
    register_proxy(&stage);
    let mut feed = stage.watch(AgentService::new("web-proxy")).await;
    let first = feed.next("the first value").await;
    let instance = (*first.current).as_ref().expect("it is there");
    stage.is_written_back::<ServiceInstance>("/v1/agent/service/web-proxy", instance);
    assert!(instance.extra.is_empty() && instance.proxy.extra.is_empty());
}

#[actix_rt::test]
async fn wrong_parameters_end_the_watch() {
    let stage = Stage::start();
    stage.watch(AgentService::new("..")).await;
    let status = stage.until("agent_service:..", "stopped").await;
    assert!(status.to_string().contains("cannot be called"), "{status}");
}
