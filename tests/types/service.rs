//! `service`.

use std::sync::Arc;

use consul_watch::model::{CheckStatus, ServiceEntry, Transitions};
use consul_watch::watch::predicates;
use consul_watch::{Failure, FailureClass, Service};
use consul_watch_harness::{Canned, ResponseFault, Rule};
use serde_json::json;

use crate::stage::Stage;

#[actix_rt::test]
async fn instances_come_change_and_go() {
    let stage = Stage::start();
    let mut feed = stage.watch(Service::new("web")).await;
    assert!(feed.next("the first value").await.current.is_empty());
    stage.register("web1", "web", &["v1"]);
    feed.says(&["added web1 on here at 127.0.0.1:80 is passing"])
        .await;
    stage.report("web1", "fail", "no");
    let failed = feed
        .says(&["updated web1 on here at 127.0.0.1:80 is critical"])
        .await;
    let transition = failed.changes()[0]
        .transition()
        .map(|step| step.to_string());
    assert_eq!(transition.as_deref(), Some("passing → critical"));
    stage.register_as(&json!({ "ID": "web2", "Name": "web", "Address": "10.0.0.9", "Port": 81 }));
    let two = feed
        .says(&["added web2 on here at 10.0.0.9:81 is passing"])
        .await;
    let (before, after) = (&failed.current[0], &two.current[0]);
    assert!(Arc::ptr_eq(before, after), "what did not change is shared");
    stage.deregister("web1");
    feed.says(&["removed web1 on here at 127.0.0.1:80 is critical"])
        .await;
    stage.deregister("web2");
    let emptied = feed
        .says(&["removed web2 on here at 10.0.0.9:81 is passing"])
        .await;
    assert!(emptied.current.is_empty());
}

#[actix_rt::test]
async fn all_tags_must_be_there_and_all_checks_pass() {
    let stage = Stage::start();
    stage.register("none", "web", &["v1"]);
    stage.register("one", "web", &["v1", "eu"]);
    let mut feed = stage
        .watch(Service::new("web").tag("v1").tag("eu").passing_only())
        .await;
    feed.says(&["added one on here at 127.0.0.1:80 is passing"])
        .await;
    stage.register("none", "web", &["eu"]);
    stage.report("one", "warn", "hm");
    feed.says(&["removed one on here at 127.0.0.1:80 is passing"])
        .await;
    stage.report("one", "pass", "ok");
    feed.says(&["added one on here at 127.0.0.1:80 is passing"])
        .await;
}

#[actix_rt::test]
async fn a_filter_keeps_the_others_out() {
    let stage = Stage::start();
    let query = Service::new("web")
        .with_filter(r#"Service.Meta.ring == "canary""#)
        .with_near("_agent");
    let mut feed = stage.watch(query).await;
    assert!(feed.next("the first value").await.current.is_empty());
    stage.register("web1", "web", &[]);
    stage.register_as(&json!({ "ID": "web2", "Name": "web", "Meta": { "ring": "canary" } }));
    feed.says(&["added web2 on here at 127.0.0.1:0 is passing"])
        .await;
}

#[actix_rt::test]
async fn wrong_parameters_end_the_watch() {
    let stage = Stage::start();
    stage
        .watch(Service::new("web").with_filter("Service.Nothing == 1"))
        .await;
    let status = stage
        .until("service:web?filter=Service.Nothing == 1", "stopped")
        .await;
    assert!(
        status
            .to_string()
            .contains("Failed to create boolean expression evaluator"),
        "{status}"
    );
    stage.watch(Service::new("../web")).await;
    let status = stage.until("service:../web", "stopped").await;
    assert!(status.to_string().contains("cannot be called"), "{status}");
}

#[actix_rt::test]
async fn what_the_token_hides_is_not_gone() {
    let stage = Stage::start();
    stage.register("web1", "web", &[]);
    let mut feed = stage.watch(Service::new("web")).await;
    feed.says(&["added web1 on here at 127.0.0.1:80 is passing"])
        .await;
    let hidden = Canned::new(200, "[]")
        .header("X-Consul-Index", "1000000")
        .header("X-Consul-Results-Filtered-By-ACLs", "true");
    stage
        .proxy
        .inject(Rule::always(ResponseFault::Replace(hidden)));
    stage.report("web1", "warn", "hm");
    let status = stage.until("service:web", "retrying").await;
    assert_eq!(
        status.state.error().map(Failure::class),
        Some(FailureClass::Denied),
        "{status}"
    );
    stage.proxy.pass();
    feed.says(&["updated web1 on here at 127.0.0.1:80 is warning"])
        .await;
}

#[actix_rt::test]
async fn predicates_choose_the_changes() {
    let stage = Stage::start();
    let mut tagged = stage
        .watch_so(Service::new("web"), |watch| {
            watch.only(predicates::tagged("v1"))
        })
        .await;
    let critical = predicates::turned(CheckStatus::Critical);
    let mut critical = stage
        .watch_so(Service::new("web"), |watch| watch.only(critical))
        .await;
    assert!(tagged.next("the first value").await.current.is_empty());
    assert!(critical.next("the first value").await.current.is_empty());
    stage.register("web1", "web", &["v2"]);
    stage.register("web2", "web", &["v1"]);
    tagged
        .says(&["added web2 on here at 127.0.0.1:80 is passing"])
        .await;
    stage.report("web1", "fail", "no");
    critical
        .says(&["updated web1 on here at 127.0.0.1:80 is critical"])
        .await;
    tagged.has_nothing("web1 has another tag");
}

#[actix_rt::test]
async fn a_proxy_and_everything_else_is_written_back() {
    let stage = Stage::start();
    register_proxy(&stage);
    let mut feed = stage.watch(Service::new("web-proxy")).await;
    let changed = feed.next("the first value").await;
    stage.is_written_back::<Vec<Arc<ServiceEntry>>>(
        "/v1/health/service/web-proxy",
        &changed.current,
    );
    stage.is_written_back::<Vec<Arc<ServiceEntry>>>("/v1/health/service/nothing", &Vec::new());
    let proxy = &changed.current[0].service.proxy;
    assert_eq!(proxy.upstreams[0].destination_name, "db");
    assert!(
        proxy.extra.is_empty() && changed.current[0].extra.is_empty(),
        "all of it is known: {proxy:?}"
    );
}

/// One that says something in every field.
pub(crate) fn register_proxy(stage: &Stage) {
    stage.register_as(&json!({
        "ID": "web-proxy", "Name": "web-proxy", "Kind": "connect-proxy", "Port": 1, "Tags": ["b"],
        "Meta": { "z": "1", "a": "2" }, "Weights": { "Passing": 10, "Warning": 1 },
        "TaggedAddresses": { "lan": { "Address": "10.0.0.1", "Port": 8 } },
        "Proxy": {
            "DestinationServiceName": "web", "DestinationServiceID": "web1",
            "LocalServiceAddress": "127.0.0.1", "LocalServicePort": 80,
            "Config": { "z": 1, "a": { "q": [1, 2.5] } },
            "Upstreams": [{ "DestinationName": "db", "LocalBindPort": 9191, "Config": { "x": true } }],
            "MeshGateway": { "Mode": "local" },
            "Expose": {
                "Checks": true,
                "Paths": [{ "Path": "/h", "ListenerPort": 21500, "LocalPathPort": 80, "Protocol": "http" }],
            },
        },
    }));
}
