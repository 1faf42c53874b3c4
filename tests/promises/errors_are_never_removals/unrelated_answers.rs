//! An answer about something else than the query asks for, as a proxy or a cache that confuses URLs gives it, is an
//! error: no removal, no addition.

use consul_watch::{
    AgentService, Checks, ConnectLeaf, ConsulConfig, Event, FailureClass, Key, KeyPrefix, Service,
    WatchState, actors::Query, model::CheckStatus,
};
use consul_watch_harness::{
    Canned, Fixture, ResponseFault, Rule, TestAgent,
    fixture::{impatient, retries_after},
};
use serde_json::{Value, json};

/// A watch whose query is answered about something else.
struct Case<Q> {
    query: Q,
    /// The path of the watch, and that of its query.
    paths: (&'static str, &'static str),
    /// Makes Consul's answer one about something else.
    confuse: fn(&mut Value),
    /// The reason that the watch reports.
    reason: &'static str,
}

async fn rejects<Q: Query<Source = ConsulConfig>>(fixture: &Fixture, case: Case<Q>) {
    let (path, target) = case.paths;
    let mut feed = fixture.watch(case.query).await;
    feed.next("the first state").await;
    let mut body = fixture.agent.get_json(target);
    (case.confuse)(&mut body);
    let confused = Canned::new(200, body.to_string()).with_index(1_000_000);
    let fault = ResponseFault::Replace(confused);
    let url = target.split('?').next().unwrap_or_default();
    fixture.proxy.inject(Rule::always(fault).for_target(url));
    let what = format!("a failure that says `{}`", case.reason);
    let fails = |status: &consul_watch::WatchStatus| {
        retries_after(status, FailureClass::Transient)
            && matches!(&status.state, WatchState::Retrying { error, .. } if error.to_string().contains(case.reason)
                && error.to_string().contains("check whether a proxy rewrites the URL"))
    };
    let first = fixture.until(path, &what, fails).await;
    fixture
        .until(path, "another attempt", |status| {
            status.restarts > first.restarts
        })
        .await;
    feed.has_nothing(path);
    fixture.proxy.pass();
    fixture.until_live(path).await;
    feed.has_nothing(path);
}

fn start() -> Fixture {
    Fixture::of(TestAgent::dev(), impatient)
}

#[actix_rt::test]
async fn keys() {
    let fixture = start();
    fixture.agent.put("app/a", "1");
    rejects(
        &fixture,
        Case {
            query: Key::new("app/a"),
            paths: ("key:app/a", "/v1/kv/app/a"),
            confuse: |body| body[0]["Key"] = json!("another/key"),
            reason: r#"holds "another/key", which is not the requested key"#,
        },
    )
    .await;
    rejects(
        &fixture,
        Case {
            query: KeyPrefix::new("app"),
            paths: ("keyprefix:app", "/v1/kv/app?recurse"),
            confuse: |body| body[0]["Key"] = json!("another/key"),
            reason: r#"holds "another/key", which is not of the requested prefix"#,
        },
    )
    .await;
}

/// No URL can name the key, so a list of the keys above it is read.
#[actix_rt::test]
async fn a_key_that_no_url_can_name() {
    let fixture = start();
    fixture.agent.put("app//a", "1");
    rejects(
        &fixture,
        Case {
            query: Key::new("app//a"),
            paths: ("key:app//a", "/v1/kv/app/?recurse"),
            confuse: |body| body[0]["Key"] = json!("another/key"),
            reason: r#"holds "another/key", which is not of the requested prefix"#,
        },
    )
    .await;
}

#[actix_rt::test]
async fn instances_and_checks() {
    let fixture = start();
    let web = r#"{"Name": "Web", "ID": "web-1", "Check": {"CheckID": "web-c", "TTL": "1h", "Status": "passing"}}"#;
    fixture
        .agent
        .request("PUT", "/v1/agent/service/register", &[], web.as_bytes());
    // Consul ignores the case of a service's name.
    rejects(
        &fixture,
        Case {
            query: Service::new("web"),
            paths: ("service:web", "/v1/health/service/web"),
            confuse: |body| body[0]["Service"]["Service"] = json!("db"),
            reason: r#"holds "db", which is not the requested service"#,
        },
    )
    .await;
    rejects(
        &fixture,
        Case {
            query: Checks::of_service("web"),
            paths: ("checks:web", "/v1/health/checks/web"),
            confuse: |body| body[0]["ServiceName"] = json!("db"),
            reason: r#"holds "db", which is not the requested service"#,
        },
    )
    .await;
    rejects(
        &fixture,
        Case {
            query: Checks::in_state(CheckStatus::Passing),
            paths: ("checks?state=passing", "/v1/health/state/passing"),
            confuse: |body| body[0]["Status"] = json!("critical"),
            reason: r#"holds "critical", which is not the requested state"#,
        },
    )
    .await;
    rejects(
        &fixture,
        Case {
            query: AgentService::new("web-1"),
            paths: ("agent_service:web-1", "/v1/agent/service/web-1"),
            confuse: |body| body["ID"] = json!("db-1"),
            reason: r#"holds "db-1", which is not the requested instance"#,
        },
    )
    .await;
}

#[actix_rt::test]
async fn certificates_and_events() {
    let fixture = start();
    rejects(
        &fixture,
        Case {
            query: ConnectLeaf::new("web"),
            paths: ("connect_leaf:web", "/v1/agent/connect/ca/leaf/web"),
            confuse: |body| body["Service"] = json!("db"),
            reason: r#"holds "db", which is not the requested service"#,
        },
    )
    .await;
    fixture
        .agent
        .request("PUT", "/v1/event/fire/deploy", &[], b"");
    rejects(
        &fixture,
        Case {
            query: Event::named("deploy"),
            paths: ("event:deploy", "/v1/event/list?name=deploy"),
            confuse: |body| *body = json!([{"ID": "00000000-0000-0000-0000-000000000001", "Name": "other", "LTime": 99}]),
            reason: r#"holds "other", which is not the requested event"#,
        },
    )
    .await;
}
