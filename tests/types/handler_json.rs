//! `model::handler` writes the JSON that `consul watch` passes to its handler.

use std::process::Command;

use consul_watch::model::handler;
use consul_watch::{Checks, Event, Nodes, Service, Services};
use consul_watch_harness::{Fixture, consul};
use serde::Serialize;
use serde_json::json;

use crate::fixture::start;
use crate::service::register_proxy;

/// Returns the command's output for these arguments.
fn printed(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = Command::new(consul().expect("Consul"))
        .args(["watch", &format!("-http-addr={}", fixture.agent.url())])
        .args(arguments)
        .output()
        .expect("the command runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// Returns our JSON in the layout of the command: four blanks, and characters escaped as Go does for HTML.
fn ours(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let layout = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value
        .serialize(&mut serde_json::Serializer::with_formatter(
            &mut out, layout,
        ))
        .expect("JSON");
    let text = String::from_utf8(out).expect("text");
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        + "\n"
}

#[actix_rt::test]
async fn to_the_letter() {
    let fixture = start();
    register_proxy(&fixture);
    fixture.agent.register("web1", "web", &["v1"]);
    fixture
        .agent
        .register_service(&json!({ "Name": "portless", "Check": { "TTL": "1h" } }));
    // Consul 1.22 and later have several ports, before it the registration is refused.
    let ports = br#"{"Name": "ports", "Ports": [{"Name": "a", "Port": 1, "Default": true}, {"Name": "b", "Port": 2}]}"#;
    fixture
        .agent
        .request("PUT", "/v1/agent/service/register", &[], ports);
    fixture
        .agent
        .request("PUT", "/v1/event/fire/deploy", &[], b"<hello>");

    let services = fixture.watch(Services::new()).await.next("services").await;
    assert_eq!(
        ours(&*services.current),
        printed(&fixture, &["-type=services"])
    );
    let nodes = fixture.watch(Nodes::new()).await.next("nodes").await;
    assert_eq!(ours(&*nodes.current), printed(&fixture, &["-type=nodes"]));
    for name in ["web", "web-proxy", "portless", "ports", "none"] {
        let service = fixture.watch(Service::new(name)).await.next(name).await;
        let expected = printed(&fixture, &["-type=service", &format!("-service={name}")]);
        assert_eq!(ours(&handler::entries(&service.current)), expected);
    }
    let checks = fixture.watch(Checks::any()).await.next("checks").await;
    assert_eq!(
        ours(&handler::checks(&checks.current)),
        printed(&fixture, &["-type=checks"])
    );
    let mut events = fixture.watch(Event::any()).await;
    let mut changed = events.next("events").await;
    while changed.current.kept().is_empty() {
        changed = events.next("the event").await;
    }
    assert_eq!(
        ours(&changed.current.since(None)),
        printed(&fixture, &["-type=event"])
    );
}
