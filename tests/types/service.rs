//! `service`.

use std::{sync::Arc, time::SystemTime};

use consul_watch::model::{CheckStatus, ServiceEntry, Transitions};
use consul_watch::watch::predicates;
use consul_watch::{FailureClass, Service, WatchStatus};
use consul_watch_harness::{Acl, Fixture};
use serde_json::json;

use crate::fixture::{is_written_back, start};

#[actix_rt::test]
async fn instances_are_added_updated_and_removed() {
    let fixture = start();
    let mut feed = fixture.watch(Service::new("web")).await;
    assert!(feed.next("the first value").await.current.is_empty());
    fixture.agent.register("web1", "web", &["v1"]);
    feed.says(&["added web1 on here at 127.0.0.1:80 is passing"])
        .await;
    fixture.agent.report("web1", "fail", "no");
    let failed = feed
        .says(&["updated web1 on here at 127.0.0.1:80 is critical"])
        .await;
    let transition = failed.changes()[0]
        .transition()
        .map(|step| step.to_string());
    assert_eq!(transition.as_deref(), Some("passing → critical"));
    fixture.agent.register_service(
        &json!({ "ID": "web2", "Name": "web", "Address": "10.0.0.9", "Port": 81 }),
    );
    let two = feed
        .says(&["added web2 on here at 10.0.0.9:81 is passing"])
        .await;
    let (before, after) = (&failed.current[0], &two.current[0]);
    assert!(Arc::ptr_eq(before, after), "unchanged entries are shared");
    fixture.agent.deregister("web1");
    feed.says(&["removed web1 on here at 127.0.0.1:80 is critical"])
        .await;
    fixture.agent.deregister("web2");
    let emptied = feed
        .says(&["removed web2 on here at 10.0.0.9:81 is passing"])
        .await;
    assert!(emptied.current.is_empty());
}

#[actix_rt::test]
async fn all_tags_are_required_and_all_checks_have_to_pass() {
    let fixture = start();
    fixture.agent.register("none", "web", &["v1"]);
    fixture.agent.register("one", "web", &["v1", "eu"]);
    let mut feed = fixture
        .watch(Service::new("web").tag("v1").tag("eu").passing_only())
        .await;
    feed.says(&["added one on here at 127.0.0.1:80 is passing"])
        .await;
    fixture.agent.register("none", "web", &["eu"]);
    fixture.agent.report("one", "warn", "hm");
    feed.says(&["removed one on here at 127.0.0.1:80 is passing"])
        .await;
    fixture.agent.report("one", "pass", "ok");
    feed.says(&["added one on here at 127.0.0.1:80 is passing"])
        .await;
}

#[actix_rt::test]
async fn a_filter_selects_instances() {
    let fixture = start();
    let query = Service::new("web")
        .with_filter(r#"Service.Meta.ring == "canary""#)
        .with_near("_agent");
    let mut feed = fixture.watch(query).await;
    assert!(feed.next("the first value").await.current.is_empty());
    fixture.agent.register("web1", "web", &[]);
    fixture
        .agent
        .register_service(&json!({ "ID": "web2", "Name": "web", "Meta": { "ring": "canary" } }));
    feed.says(&["added web2 on here at 127.0.0.1:0 is passing"])
        .await;
}

#[actix_rt::test]
async fn wrong_parameters_end_the_watch() {
    let fixture = start();
    fixture
        .watch(Service::new("web").with_filter("Service.Nothing == 1"))
        .await;
    let status = fixture
        .until_retrying(
            "service:web?filter=Service.Nothing == 1",
            FailureClass::BadRequest,
        )
        .await;
    assert!(
        status
            .to_string()
            .contains("Failed to create boolean expression evaluator"),
        "{status}"
    );
    fixture.watch(Service::new("../web")).await;
    let status = fixture.until_state("service:../web", "stopped").await;
    assert!(status.to_string().contains("cannot be named"), "{status}");
}

#[actix_rt::test]
async fn hidden_instances_are_not_removed() {
    const NODES: &str = r#"node_prefix "" { policy = "read" }"#;
    const ALL: &str = r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#;
    let acl = Acl::start();
    acl.policy("p", ALL);
    acl.allow(&["p"]);
    let (fixture, path) = (&acl.fixture, "service:web?token");
    let put = |id: &str, port: u16| {
        fixture.agent.register_in_catalog(&json!({
            "Node": "far", "Address": "10.0.0.1",
            "Service": { "ID": id, "Service": "web", "Port": port },
        }));
    };
    put("web1", 80);
    put("web2", 80);
    let query = Service::new("web").with_token(acl.secret.as_str());
    let mut feed = fixture.watch(query).await;
    feed.next("the first value").await;
    assert_eq!(fixture.status(path).await.hidden, None);
    let hides = |count: usize| {
        move |status: &WatchStatus| status.hidden.as_ref().map_or(0, |it| it.count) == count
    };

    let before = SystemTime::now();
    acl.policy("p", NODES);
    let status = fixture.until(path, "two hidden", hides(2)).await;
    assert!(status.state.is_live(), "{status}");
    let hidden = status.hidden.as_ref().expect("two");
    assert_eq!(hidden.names, ["web1 on far", "web2 on far"]);
    assert!(hidden.since >= before && hidden.since <= SystemTime::now());
    let text = status.to_string();
    assert!(text.contains("2 entries are hidden for "), "{text}");
    feed.has_nothing("nothing is gone");

    // One is proven gone, the other can be seen again.
    let gone = json!({ "Node": "far", "ServiceID": "web2" });
    fixture.agent.deregister_from_catalog(&gone);
    feed.says(&["removed web2 on far at 10.0.0.1:80 is passing"])
        .await;
    let status = fixture.until(path, "one hidden", hides(1)).await;
    assert_eq!(status.hidden.expect("one").names, ["web1 on far"]);
    acl.policy("p", ALL);
    fixture.until(path, "none hidden", hides(0)).await;
    feed.has_nothing("it did not change");
    put("web1", 81);
    feed.says(&["updated web1 on far at 10.0.0.1:81 is passing"])
        .await;
}

#[actix_rt::test]
async fn predicates_choose_the_changes() {
    let fixture = start();
    let mut tagged = fixture
        .watch_with(Service::new("web"), |watch| {
            watch.only(predicates::tagged("v1"))
        })
        .await;
    let critical = predicates::turned(CheckStatus::Critical);
    let mut critical = fixture
        .watch_with(Service::new("web"), |watch| watch.only(critical))
        .await;
    assert!(tagged.next("the first value").await.current.is_empty());
    assert!(critical.next("the first value").await.current.is_empty());
    fixture.agent.register("web1", "web", &["v2"]);
    fixture.agent.register("web2", "web", &["v1"]);
    tagged
        .says(&["added web2 on here at 127.0.0.1:80 is passing"])
        .await;
    fixture.agent.report("web1", "fail", "no");
    critical
        .says(&["updated web1 on here at 127.0.0.1:80 is critical"])
        .await;
    tagged.has_nothing("web1 has another tag");
}

#[actix_rt::test]
async fn the_json_of_an_instance_with_all_fields_is_consuls() {
    let fixture = start();
    register_proxy(&fixture);
    let mut feed = fixture.watch(Service::new("web-proxy")).await;
    let changed = feed.next("the first value").await;
    is_written_back::<Vec<Arc<ServiceEntry>>>(
        &fixture.agent,
        "/v1/health/service/web-proxy",
        &changed.current,
    );
    is_written_back::<Vec<Arc<ServiceEntry>>>(
        &fixture.agent,
        "/v1/health/service/nothing",
        &Vec::new(),
    );
    let proxy = &changed.current[0].service.proxy;
    assert_eq!(proxy.upstreams[0].destination_name, "db");
    assert!(
        proxy.extra.is_empty() && changed.current[0].extra.is_empty(),
        "all of it is known: {proxy:?}"
    );
}

#[actix_rt::test]
async fn metadata_of_nodes_means_the_same_in_every_answer() {
    const ODD: &str = "quo\"te ' back\\slash `tick` ü";
    let fixture = start();
    for (node, rack) in [("one", "r1"), ("ten", "r10"), ("odd", ODD)] {
        fixture.agent.register_in_catalog(&json!({
            "Node": node, "Address": "10.0.0.1", "NodeMeta": { "aws-rack": rack, "zone": "a" },
            "Service": { "ID": "web", "Service": "web", "Port": 80 },
        }));
    }
    fixture.agent.register("plain", "web", &[]);
    let query = |rack: &str| Service::new("web").with_node_meta("aws-rack", rack);
    let mut one = fixture.watch(query("r1").with_node_meta("zone", "a")).await;
    one.says(&["added web on one at 10.0.0.1:80 is passing"])
        .await;
    let mut odd = fixture
        .watch(query(ODD).with_filter("Service.Port == 80 or Service.Port == 81"))
        .await;
    odd.says(&["added web on odd at 10.0.0.1:80 is passing"])
        .await;
    // These answers come from the streaming backend, if the release has one.
    for port in [81, 82] {
        for (node, rack) in [("ten", "r10"), ("one", "r1"), ("odd", ODD)] {
            fixture.agent.register_in_catalog(&json!({
                "Node": node, "Address": "10.0.0.1", "NodeMeta": { "aws-rack": rack, "zone": "a" },
                "Service": { "ID": "web", "Service": "web", "Port": port },
            }));
        }
        one.says(&[&format!("updated web on one at 10.0.0.1:{port} is passing")])
            .await;
    }
    odd.says(&["updated web on odd at 10.0.0.1:81 is passing"])
        .await;
    odd.says(&["removed web on odd at 10.0.0.1:81 is passing"])
        .await;
    fixture
        .until_state("service:web?node-meta=aws-rack:r1&node-meta=zone:a", "live")
        .await;
}

#[actix_rt::test]
async fn a_change_of_a_named_port_is_delivered_to_a_view_of_the_endpoint() {
    let fixture = start();
    let register = |metrics: u16| {
        fixture.agent.request(
            "PUT",
            "/v1/agent/service/register",
            &[],
            json!({
                "Name": "web",
                "Ports": [
                    { "Name": "http", "Port": 80, "Default": true },
                    { "Name": "metrics", "Port": metrics, "Default": false },
                ],
            })
            .to_string()
            .as_bytes(),
        )
    };
    if register(81).status != 200 {
        // Consul before 1.22 has one port.
        return;
    }
    let mut feed = fixture
        .watch_with(Service::new("web"), |watch| {
            watch.project(ServiceEntry::endpoint)
        })
        .await;
    let first = feed.next("the first value").await;
    let metrics = |entry: &ServiceEntry| entry.endpoint().ports[1].port;
    assert_eq!(metrics(&first.current[0]), 81);
    register(82);
    let changed = feed.next("another port").await;
    assert_eq!(metrics(&changed.current[0]), 82);
    is_written_back::<Vec<Arc<ServiceEntry>>>(
        &fixture.agent,
        "/v1/health/service/web",
        &changed.current,
    );
}

/// Returns a registration with every field.
pub(crate) fn register_proxy(fixture: &Fixture) {
    fixture.agent.register_service(&json!({
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
