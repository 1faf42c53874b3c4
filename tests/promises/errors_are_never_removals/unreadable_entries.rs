//! An entry that cannot be read keeps its last value, and the rest of its list is delivered.

use consul_watch::{Event, KeyPrefix, Nodes, Service, Services, WatchState, actors::Query};
use consul_watch_harness::{
    Canned, DEADLINE, Feed, Fixture, ResponseFault, Rule, TestAgent, described, eventually_async,
    fixture::impatient, log_capture,
};
use serde_json::{Value, json};

/// Each test uses another name, because all tests share one log.
fn start() -> Fixture {
    log_capture::capture();
    Fixture::of(TestAgent::dev(), impatient)
}

fn put(fixture: &Fixture, node: &str, service: &str, port: u16) {
    fixture.agent.register_in_catalog(&json!({
        "Node": node, "Address": "10.0.0.1",
        "Service": { "ID": service, "Service": service, "Port": port },
    }));
}

/// Answers every query of this path with this body, and a higher index than Consul's.
fn answer(fixture: &Fixture, path: &str, body: &Value) {
    let answer = Canned::new(200, body.to_string()).with_index(1_000_000);
    let fault = ResponseFault::Replace(answer);
    fixture.proxy.inject(Rule::always(fault).for_target(path));
}

/// Returns the warnings that contain this text.
fn warnings(text: &str) -> Vec<String> {
    let records = log_capture::captured(text).into_iter();
    let warnings = records.filter(|record| record.level == tracing::Level::WARN);
    warnings
        .map(|record| record.text)
        .filter(|text| text.contains("cannot be read"))
        .collect()
}

/// Waits for more queries, and returns the one warning of this text.
async fn one_warning(fixture: &Fixture, path: &str, text: &str) -> String {
    let asked = || {
        let seen = fixture.proxy.requests();
        seen.iter()
            .filter(|request| request.target.starts_with(path))
            .count()
    };
    let before = asked();
    eventually_async(DEADLINE, "three more answers", || asked() >= before + 3).await;
    let lines = warnings(text);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

/// Returns the feed after its first state.
async fn watch<Q: Query<Source = consul_watch::ConsulConfig>>(
    fixture: &Fixture,
    query: Q,
) -> Feed<Q> {
    let mut feed = fixture.watch(query).await;
    feed.next("the first state").await;
    feed
}

#[actix_rt::test]
async fn one_of_three_instances() {
    let fixture = start();
    for node in ["unread-a", "unread-b", "unread-c"] {
        put(&fixture, node, "unread-web", 80);
    }
    let path = "/v1/health/service/unread-web";
    let mut feed = watch(&fixture, Service::new("unread-web")).await;
    let good = fixture.agent.get_json(path);
    let mut list = good.clone();
    list[1]["Service"]["Port"] = json!("hunter2");
    list[2]["Service"]["Port"] = json!(81);
    answer(&fixture, path, &list);
    let changed = feed.next("the instance that can be read").await;
    assert_eq!(changed.changes().len(), 1, "{:?}", described(&changed));
    let ports: Vec<_> = changed
        .current
        .iter()
        .map(|entry| (&*entry.node.node, *entry.service.port))
        .collect();
    assert_eq!(
        ports,
        [("unread-a", 80), ("unread-b", 80), ("unread-c", 81)]
    );
    let line = one_warning(&fixture, path, "path=service:unread-web").await;
    assert!(line.contains("unread-web on unread-b"), "{line}");
    assert!(
        line.contains("Service.Port") && !line.contains("hunter2"),
        "{line}"
    );
    let status = fixture.status("service:unread-web").await;
    let failed = matches!(status.state, WatchState::Retrying { .. });
    assert!(!failed, "{status}");
}

/// Any entry that the list lacks may be the one without a name, so all stay. One that is new is left out.
#[actix_rt::test]
async fn instances_without_a_name_and_new_ones() {
    let fixture = start();
    for node in ["noname-a", "noname-b", "noname-c"] {
        put(&fixture, node, "noname-web", 80);
    }
    let path = "/v1/health/service/noname-web";
    let mut feed = watch(&fixture, Service::new("noname-web")).await;
    let mut list = fixture.agent.get_json(path);
    let mut new = list[0].clone();
    new["Node"]["Node"] = json!("noname-new");
    new["Service"]["Port"] = json!([]);
    list.as_array_mut().unwrap().push(new);
    list[0]["Service"]["Port"] = json!(82);
    list[1]["Node"] = json!(7);
    answer(&fixture, path, &list);
    let changed = feed.next("the other instance").await;
    assert_eq!(changed.changes().len(), 1, "{:?}", described(&changed));
    assert_eq!(changed.current.len(), 3);
    let line = one_warning(&fixture, path, "path=service:noname-web").await;
    assert!(
        line.contains("noname-web on noname-new") && line.contains("count=2"),
        "{line}"
    );
    feed.has_nothing("nothing is gone");
}

#[actix_rt::test]
async fn a_node_and_the_tags_of_a_service() {
    let fixture = start();
    put(&fixture, "tagged", "tagged-web", 80);
    put(&fixture, "tagged", "tagged-db", 80);
    let mut nodes = watch(&fixture, Nodes::new()).await;
    let mut services = watch(&fixture, Services::new()).await;
    let (node_path, service_path) = ("/v1/catalog/nodes", "/v1/catalog/services");
    let mut list = fixture.agent.get_json(service_path);
    list["tagged-web"] = json!(7);
    list["tagged-db"] = json!(["new"]);
    answer(&fixture, service_path, &list);
    let changed = services.next("the tags").await;
    assert_eq!(changed.changes().len(), 1, "{:?}", described(&changed));
    assert!(changed.current.tags("tagged-web").is_some());
    one_warning(&fixture, service_path, "tagged-web").await;
    let mut list = fixture.agent.get_json(node_path);
    for node in list.as_array_mut().unwrap() {
        if node["Node"] == "tagged" {
            node["Address"] = json!({});
        } else {
            node["Address"] = json!("10.0.0.9");
        }
    }
    fixture.proxy.pass();
    answer(&fixture, node_path, &list);
    let changed = nodes.next("the address").await;
    assert_eq!(changed.changes().len(), 1, "{:?}", described(&changed));
    assert_eq!(changed.current.len(), 2);
    one_warning(&fixture, node_path, "entries=\"tagged\"").await;
}

#[actix_rt::test]
async fn a_key_of_a_folder() {
    let fixture = start();
    for key in ["unread/a", "unread/b", "unread/c"] {
        fixture.agent.put(key, "1");
    }
    let path = "/v1/kv/unread";
    let mut feed = watch(&fixture, KeyPrefix::new("unread")).await;
    let mut list = fixture.agent.get_json("/v1/kv/unread?recurse");
    list[0]["Flags"] = json!("hunter2");
    list[1]["Value"] = json!("Mg==");
    list[1]["ModifyIndex"] = json!(999_999);
    answer(&fixture, path, &list);
    feed.says(&["updated unread/b=1→2"]).await;
    let line = one_warning(&fixture, path, "path=keyprefix:unread").await;
    assert!(
        line.contains("unread/a") && !line.contains("hunter2"),
        "{line}"
    );
}

#[actix_rt::test]
async fn a_key_without_a_name() {
    let fixture = start();
    for key in ["nokey/a", "nokey/b", "nokey/c"] {
        fixture.agent.put(key, "1");
    }
    let mut feed = watch(&fixture, KeyPrefix::new("nokey")).await;
    let mut list = fixture.agent.get_json("/v1/kv/nokey?recurse");
    list[0]["Key"] = json!(1);
    list[2]["Value"] = json!("Mg==");
    answer(&fixture, "/v1/kv/nokey", &list);
    let changed = feed.says(&["updated nokey/c=1→2"]).await;
    assert_eq!(changed.current.len(), 3);
    one_warning(&fixture, "/v1/kv/nokey", "path=keyprefix:nokey").await;
    feed.has_nothing("nothing is gone");
}

#[actix_rt::test]
async fn an_event() {
    let fixture = start();
    let mut feed = watch(&fixture, Event::named("unread-event")).await;
    let event = |id: &str, time: Value| {
        json!({ "ID": id, "Name": "unread-event", "Payload": null, "NodeFilter": "", "ServiceFilter": "",
                "TagFilter": "", "Version": 1, "LTime": time })
    };
    let list = json!([event("1", json!("x")), event("2", json!(2))]);
    answer(&fixture, "/v1/event/list", &list);
    let changed = feed.next("the event that can be read").await;
    assert_eq!(changed.changes().len(), 1, "{:?}", described(&changed));
    one_warning(&fixture, "/v1/event/list", "unread-event (1)").await;
}
