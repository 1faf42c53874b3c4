//! `checks`.

use std::sync::Arc;

use consul_watch::model::{CheckStatus, HealthCheck, Transitions};
use consul_watch::watch::predicates;
use consul_watch::{Checks, FailureClass};
use serde_json::json;

use crate::fixture::{is_written_back, start};

#[actix_rt::test]
async fn checks_of_a_service_are_added_updated_and_removed() {
    let fixture = start();
    let mut feed = fixture.watch(Checks::of_service("web")).await;
    assert!(feed.next("the first value").await.current.is_empty());
    fixture.agent.register("web1", "web", &["v1"]);
    feed.says(&["added service:web1 on here is passing"]).await;
    fixture.agent.report("web1", "warn", "hm");
    let warned = feed
        .says(&["updated service:web1 on here is warning"])
        .await;
    let transition = warned.changes()[0].transition().unwrap();
    assert_eq!(
        (transition.to_string().as_str(), transition.is_worse()),
        ("passing → warning", true)
    );
    is_written_back::<Vec<Arc<HealthCheck>>>(
        &fixture.agent,
        "/v1/health/checks/web",
        &warned.current,
    );
    fixture.agent.deregister("web1");
    let emptied = feed
        .says(&["removed service:web1 on here is warning"])
        .await;
    assert!(emptied.current.is_empty());
}

#[actix_rt::test]
async fn a_check_that_leaves_a_state_is_removed_from_it() {
    let fixture = start();
    fixture.agent.register("web1", "web", &[]);
    let mut feed = fixture.watch(Checks::in_state(CheckStatus::Critical)).await;
    assert!(feed.next("the first value").await.current.is_empty());
    fixture.agent.report("web1", "fail", "no");
    feed.says(&["added service:web1 on here is critical"]).await;
    fixture.agent.report("web1", "pass", "ok");
    feed.says(&["removed service:web1 on here is critical"])
        .await;
    fixture.agent.put_json(
        "/v1/agent/service/maintenance/web1?enable=true",
        &serde_json::Value::Null,
    );
    feed.says(&["added _service_maintenance:web1 on here is maintenance"])
        .await;
}

#[actix_rt::test]
async fn the_json_of_a_check_with_a_definition_is_consuls() {
    let fixture = start();
    fixture.agent.register("web1", "web", &["a", "b"]);
    fixture.agent.register_in_catalog(&json!({
        "Node": "far", "Address": "10.0.0.1",
        "Check": {
            "CheckID": "ping", "Name": "<ping> & ü", "Status": "critical", "Notes": "n", "Output": "a\nb",
            "Definition": {
                "HTTP": "http://10.0.0.1/", "Header": { "A": ["b"] }, "Method": "GET", "TLSSkipVerify": true,
                "Interval": "10s", "Timeout": "1m30s", "DeregisterCriticalServiceAfter": "1h",
            },
        },
    }));
    let mut feed = fixture.watch(Checks::any()).await;
    let changed = feed.next("the first value").await;
    is_written_back::<Vec<Arc<HealthCheck>>>(
        &fixture.agent,
        "/v1/health/state/any",
        &changed.current,
    );
    let ping = changed
        .current
        .iter()
        .find(|check| check.check_id == "ping")
        .unwrap();
    assert_eq!(
        ping.definition.timeout.duration(),
        Some(std::time::Duration::from_secs(90))
    );
    assert!(
        changed
            .current
            .iter()
            .all(|check| check.extra.is_empty() && check.definition.extra.is_empty())
    );
}

#[actix_rt::test]
async fn a_filter_selects_checks_and_an_invalid_one_is_reported() {
    let fixture = start();
    let mut feed = fixture
        .watch(Checks::any().with_filter(r#"ServiceName == "web""#))
        .await;
    assert!(feed.next("the first value").await.current.is_empty());
    fixture.agent.register("db1", "db", &[]);
    fixture.agent.register("web1", "web", &[]);
    feed.says(&["added service:web1 on here is passing"]).await;
    fixture.watch(Checks::any().with_filter("?")).await;
    let status = fixture
        .until_retrying("checks?filter=?", FailureClass::BadRequest)
        .await;
    assert!(
        status
            .to_string()
            .contains("Failed to create boolean expression evaluator"),
        "{status}"
    );
    fixture.watch(Checks::of_service("")).await;
    let status = fixture.until_state("checks", "stopped").await;
    assert!(status.to_string().contains("cannot be named"), "{status}");
}

#[actix_rt::test]
async fn a_change_of_output_is_delivered_unless_only_the_status_counts() {
    let fixture = start();
    fixture.agent.register("web1", "web", &[]);
    let mut all = fixture.watch(Checks::of_service("web")).await;
    let mut status = fixture
        .watch_with(Checks::of_service("web"), |watch| {
            watch.project(HealthCheck::health)
        })
        .await;
    let broke = predicates::transition(CheckStatus::Passing, CheckStatus::Critical);
    let mut broke = fixture
        .watch_with(Checks::of_service("web"), |watch| watch.only(broke))
        .await;
    for feed in [&mut all, &mut status, &mut broke] {
        feed.next("the first value").await;
    }
    // An agent writes a change of output alone only now and then, so the test writes the catalog.
    let check = |status: &str, output: &str| {
        fixture.agent.register_in_catalog(&json!({
            "Node": "far", "Address": "10.0.0.1", "Service": { "ID": "web9", "Service": "web" },
            "Check": { "CheckID": "c", "ServiceID": "web9", "Status": status, "Output": output },
        }));
    };
    check("passing", "one");
    all.says(&["added c on far is passing"]).await;
    status.says(&["added c on far is passing"]).await;
    check("passing", "two");
    let changed = all.says(&["updated c on far is passing"]).await;
    assert!(changed.changes()[0].transition().is_none());
    check("critical", "three");
    all.says(&["updated c on far is critical"]).await;
    status.says(&["updated c on far is critical"]).await;
    broke.says(&["updated c on far is critical"]).await;
    fixture.agent.report("web1", "fail", "no");
    broke
        .says(&["updated service:web1 on here is critical"])
        .await;
}
