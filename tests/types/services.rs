//! `services`.

use consul_watch::Services;
use consul_watch::model::ServiceList;
use serde_json::json;

use crate::fixture::{is_written_back, start};

#[actix_rt::test]
async fn services_are_added_updated_and_removed() {
    let fixture = start();
    let mut feed = fixture.watch(Services::new()).await;
    feed.says(&["added consul"]).await;
    fixture.agent.register("web1", "web", &["v1"]);
    feed.says(&["added web (v1)"]).await;
    fixture.agent.register("web1", "web", &["v2"]);
    feed.says(&["updated web (v2)"]).await;
    fixture.agent.register("web1", "web", &[]);
    feed.says(&["updated web"]).await;
    // Another check, another instance with the same tags: the index changes, the list does not.
    fixture.agent.report("web1", "fail", "no");
    fixture.agent.register("web2", "web", &[]);
    fixture.agent.deregister("web1");
    fixture.agent.register("db1", "db", &["a"]);
    let changed = feed.says(&["added db (a)"]).await;
    assert_eq!(changed.current.tags("web"), Some(&[][..]));
    is_written_back::<ServiceList>(&fixture.agent, "/v1/catalog/services", &changed.current);
    fixture.agent.deregister("web2");
    feed.says(&["removed web"]).await;
}

#[actix_rt::test]
async fn an_empty_list_is_delivered() {
    let fixture = start();
    let mut feed = fixture
        .watch(Services::new().with_node_meta("rack", "r1"))
        .await;
    assert!(feed.next("the first value").await.current.is_empty());
    fixture.agent.register_in_catalog(&json!({
        "Node": "far", "Address": "10.0.0.1", "NodeMeta": { "rack": "r1" }, "Service": { "Service": "mail" },
    }));
    feed.says(&["added mail"]).await;
    fixture
        .agent
        .deregister_from_catalog(&json!({ "Node": "far" }));
    assert!(feed.says(&["removed mail"]).await.current.is_empty());
}

#[actix_rt::test]
async fn an_unknown_datacenter_is_reported_with_consuls_text() {
    let fixture = start();
    let mut feed = fixture
        .watch(Services::new().with_datacenter("nowhere"))
        .await;
    let status = fixture.until_state("services?dc=nowhere", "retrying").await;
    assert!(
        status.to_string().contains("No path to datacenter"),
        "{status}"
    );
    feed.has_nothing("there is no answer");
}
