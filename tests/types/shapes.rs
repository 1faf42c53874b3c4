//! `HandlerPayload::shape` names the fields of the JSON that handlers get.

use consul_watch::{
    AgentService, Changed, Checks, ConnectLeaf, ConnectRoots, Key, KeyPrefix, Nodes, Service,
    Services, Snapshot, handlers::HandlerPayload, model::Shape,
};
use serde_json::{Value, json};

use crate::{fixture::start, service::register_proxy};

/// Checks that every field of this JSON is in the shape, and returns the number of fields.
fn fields(json: &Value, shape: &Shape, path: &str) -> usize {
    match (json, shape) {
        (Value::Object(map), Shape::Object { fields: known, .. }) => map
            .iter()
            .map(|(name, value)| {
                let field = known.iter().find(|field| field.name == name);
                let field = field.unwrap_or_else(|| panic!("{path}.{name} has no shape"));
                1 + fields(value, field.shape, &format!("{path}.{name}"))
            })
            .sum(),
        (Value::Object(map), Shape::Map { of, .. }) => map
            .iter()
            .map(|(name, value)| fields(value, of, &format!("{path}.{name}")))
            .sum(),
        (Value::Array(list), Shape::List { of, .. }) => {
            list.iter().map(|value| fields(value, of, path)).sum()
        }
        (Value::Object(_) | Value::Array(_), Shape::Value) => {
            // Configuration of a user's own form.
            assert!(path.contains("Config"), "{path} has fields");
            0
        }
        _ => 0,
    }
}

/// Checks the JSON that a handler gets.
fn is_named<Q: HandlerPayload>(changed: &Changed<Q>) {
    let path = changed.query.path().to_string();
    let json: Value = serde_json::from_slice(&Q::payload(changed).unwrap()).unwrap();
    let entries = match json {
        Value::Array(entries) => entries,
        // Of `connect_roots`, the list is within the object.
        json if path == "connect_roots" => json["Roots"].as_array().unwrap().clone(),
        json => vec![json],
    };
    assert!(!entries.is_empty(), "{path}");
    for entry in entries {
        assert!(fields(&entry, Q::shape(), &path) > 0, "{entry}");
    }
}

#[actix_rt::test]
async fn every_field_of_a_handlers_json_has_a_name() {
    let fixture = start();
    register_proxy(&fixture);
    fixture.agent.register("web1", "web", &["v1"]);
    fixture.agent.put("app/a", "1");
    let http = json!({ "HTTP": "http://127.0.0.1:9/", "Interval": "1h", "Header": { "A": ["b"] } });
    fixture
        .agent
        .register_service(&json!({ "ID": "http", "Name": "http", "Check": http }));
    is_named(&fixture.watch(Key::new("app/a")).await.next("a key").await);
    is_named(
        &fixture
            .watch(KeyPrefix::new("app/"))
            .await
            .next("keys")
            .await,
    );
    is_named(&fixture.watch(Nodes::new()).await.next("nodes").await);
    for name in ["web", "web-proxy", "http"] {
        is_named(&fixture.watch(Service::new(name)).await.next(name).await);
    }
    is_named(&fixture.watch(Checks::any()).await.next("checks").await);
    is_named(&fixture.watch(ConnectRoots::new()).await.next("roots").await);
    is_named(
        &fixture
            .watch(ConnectLeaf::new("web"))
            .await
            .next("a leaf")
            .await,
    );
    is_named(
        &fixture
            .watch(AgentService::new("web-proxy"))
            .await
            .next("a proxy")
            .await,
    );
    // The JSON of `services` has the names of services for fields, and an entry has those of a line.
    let services = fixture.watch(Services::new()).await.next("services").await;
    for service in services.current.items() {
        let entry = Services::value(service).unwrap();
        assert_eq!(fields(&entry, Services::shape(), "services"), 2);
    }
}
