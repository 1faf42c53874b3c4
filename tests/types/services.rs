//! `services`.

use consul_watch::Services;
use consul_watch::model::ServiceList;
use serde_json::json;

use crate::stage::Stage;

#[actix_rt::test]
async fn services_come_change_their_tags_and_go() {
    let stage = Stage::start();
    let mut feed = stage.watch(Services::new()).await;
    feed.says(&["added consul"]).await;
    stage.register("web1", "web", &["v1"]);
    feed.says(&["added web (v1)"]).await;
    stage.register("web1", "web", &["v2"]);
    feed.says(&["updated web (v2)"]).await;
    stage.register("web1", "web", &[]);
    feed.says(&["updated web"]).await;
    // Another check, another instance with the same tags: the catalogue moves, the list does not.
    stage.report("web1", "fail", "no");
    stage.register("web2", "web", &[]);
    stage.deregister("web1");
    stage.register("db1", "db", &["a"]);
    let changed = feed.says(&["added db (a)"]).await;
    assert_eq!(changed.current.tags("web"), Some(&[][..]));
    stage.is_written_back::<ServiceList>("/v1/catalog/services", &changed.current);
    stage.deregister("web2");
    feed.says(&["removed web"]).await;
}

#[actix_rt::test]
async fn an_emptied_list_is_delivered() {
    let stage = Stage::start();
    let mut feed = stage
        .watch(Services::new().with_node_meta("rack", "r1"))
        .await;
    assert!(feed.next("the first value").await.current.is_empty());
    stage.catalogue(&json!({
        "Node": "far", "Address": "10.0.0.1", "NodeMeta": { "rack": "r1" }, "Service": { "Service": "mail" },
    }));
    feed.says(&["added mail"]).await;
    stage.uncatalogue(&json!({ "Node": "far" }));
    assert!(feed.says(&["removed mail"]).await.current.is_empty());
}

#[actix_rt::test]
async fn a_datacenter_that_is_not_there_is_told_in_consuls_words() {
    let stage = Stage::start();
    let mut feed = stage
        .watch(Services::new().with_datacenter("nowhere"))
        .await;
    let status = stage.until("services?dc=nowhere", "retrying").await;
    assert!(
        status.to_string().contains("No path to datacenter"),
        "{status}"
    );
    feed.has_nothing("there is no answer");
}
