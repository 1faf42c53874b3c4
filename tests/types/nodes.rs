//! `nodes`.

use std::sync::Arc;

use consul_watch::model::Node;
use consul_watch::{FailureClass, Nodes};
use serde_json::json;

use crate::fixture::{is_written_back, start};

#[actix_rt::test]
async fn nodes_are_added_updated_and_removed() {
    let fixture = start();
    let mut feed = fixture.watch(Nodes::new()).await;
    feed.says(&["added here (127.0.0.1)"]).await;
    fixture
        .agent
        .register_in_catalog(&json!({ "Node": "far", "Address": "10.0.0.1" }));
    feed.says(&["added far (10.0.0.1)"]).await;
    fixture.agent.register_in_catalog(&json!({
        "Node": "far", "Address": "10.0.0.2", "NodeMeta": { "rack": "r1" }, "TaggedAddresses": { "wan": "1.2.3.4" },
    }));
    let changed = feed.says(&["updated far (10.0.0.2)"]).await;
    assert_eq!(
        changed.current[0].meta.get("rack").map(String::as_str),
        Some("r1")
    );
    is_written_back::<Vec<Arc<Node>>>(&fixture.agent, "/v1/catalog/nodes", &changed.current);
    fixture
        .agent
        .deregister_from_catalog(&json!({ "Node": "far" }));
    let removed = feed.says(&["removed far (10.0.0.2)"]).await;
    let kept = (&changed.current[1], &removed.current[0]);
    assert!(Arc::ptr_eq(kept.0, kept.1), "unchanged entries are shared");
}

#[actix_rt::test]
async fn a_filter_selects_nodes_and_an_empty_list_is_delivered() {
    let fixture = start();
    let mut feed = fixture
        .watch(Nodes::new().with_filter(r#"Meta.rack == "r1""#))
        .await;
    assert!(feed.next("the first value").await.current.is_empty());
    fixture
        .agent
        .register_in_catalog(&json!({ "Node": "other", "Address": "10.0.0.1" }));
    fixture.agent.register_in_catalog(
        &json!({ "Node": "far", "Address": "10.0.0.2", "NodeMeta": { "rack": "r1" } }),
    );
    feed.says(&["added far (10.0.0.2)"]).await;
    fixture
        .agent
        .deregister_from_catalog(&json!({ "Node": "far" }));
    assert!(
        feed.says(&["removed far (10.0.0.2)"])
            .await
            .current
            .is_empty()
    );
}

#[actix_rt::test]
async fn an_invalid_filter_is_reported() {
    let fixture = start();
    let mut feed = fixture
        .watch(Nodes::new().with_filter("Meta.rack =="))
        .await;
    let status = fixture
        .until_retrying("nodes?filter=Meta.rack ==", FailureClass::BadRequest)
        .await;
    assert!(
        status
            .to_string()
            .contains("Failed to create boolean expression evaluator"),
        "{status}"
    );
    feed.has_nothing("there is no answer");
}
