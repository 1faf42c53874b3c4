//! `nodes`.

use std::sync::Arc;

use consul_watch::Nodes;
use consul_watch::model::Node;
use serde_json::json;

use crate::stage::Stage;

#[actix_rt::test]
async fn nodes_come_move_and_go() {
    let stage = Stage::start();
    let mut feed = stage.watch(Nodes::new()).await;
    feed.says(&["added here (127.0.0.1)"]).await;
    stage.catalogue(&json!({ "Node": "far", "Address": "10.0.0.1" }));
    feed.says(&["added far (10.0.0.1)"]).await;
    stage.catalogue(&json!({
        "Node": "far", "Address": "10.0.0.2", "NodeMeta": { "rack": "r1" }, "TaggedAddresses": { "wan": "1.2.3.4" },
    }));
    let changed = feed.says(&["updated far (10.0.0.2)"]).await;
    assert_eq!(
        changed.current[0].meta.get("rack").map(String::as_str),
        Some("r1")
    );
    stage.is_written_back::<Vec<Arc<Node>>>("/v1/catalog/nodes", &changed.current);
    stage.uncatalogue(&json!({ "Node": "far" }));
    let removed = feed.says(&["removed far (10.0.0.2)"]).await;
    let kept = (&changed.current[1], &removed.current[0]);
    assert!(Arc::ptr_eq(kept.0, kept.1), "what did not change is shared");
}

#[actix_rt::test]
async fn a_filter_keeps_the_others_out_and_an_emptied_list_is_delivered() {
    let stage = Stage::start();
    let mut feed = stage
        .watch(Nodes::new().with_filter(r#"Meta.rack == "r1""#))
        .await;
    assert!(feed.next("the first value").await.current.is_empty());
    stage.catalogue(&json!({ "Node": "other", "Address": "10.0.0.1" }));
    stage.catalogue(&json!({ "Node": "far", "Address": "10.0.0.2", "NodeMeta": { "rack": "r1" } }));
    feed.says(&["added far (10.0.0.2)"]).await;
    stage.uncatalogue(&json!({ "Node": "far" }));
    assert!(
        feed.says(&["removed far (10.0.0.2)"])
            .await
            .current
            .is_empty()
    );
}

#[actix_rt::test]
async fn a_filter_that_cannot_be_read_ends_the_watch() {
    let stage = Stage::start();
    let mut feed = stage.watch(Nodes::new().with_filter("Meta.rack ==")).await;
    let status = stage.until("nodes?filter=Meta.rack ==", "stopped").await;
    assert!(
        status
            .to_string()
            .contains("Failed to create boolean expression evaluator"),
        "{status}"
    );
    feed.has_nothing("there is no answer");
}
