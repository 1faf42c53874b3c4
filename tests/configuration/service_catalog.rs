//! The healthy instances of all services are one value, with as many services as there may be.

use consul_watch::{ServiceCatalog, Status, Stop, WatchState};
use consul_watch_harness::{DEADLINE, Feed, Fixture, TestAgent};

fn register(agent: &TestAgent, name: &str) {
    let service = format!(r#"{{"Name": "{name}", "Check": {{"TTL": "1h", "Status": "passing"}}}}"#);
    let reply = agent.request("PUT", "/v1/agent/service/register", &[], service.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn names(feed: &consul_watch::Changed<ServiceCatalog>) -> Vec<&str> {
    feed.current
        .iter()
        .map(|entry| entry.service.service.as_str())
        .collect()
}

#[actix::test]
async fn watches_come_and_go_with_the_services() {
    let fixture = Fixture::dev();
    register(&fixture.agent, "web-a");
    register(&fixture.agent, "db");
    let mut feed: Feed<_> = fixture.watch(ServiceCatalog::new().named("web-*")).await;
    assert_eq!(names(&feed.next("the first value").await), ["web-a"]);

    register(&fixture.agent, "web-b");
    feed.until("a new service", |changed| {
        names(changed) == ["web-a", "web-b"]
    })
    .await;
    fixture
        .agent
        .request("PUT", "/v1/agent/check/fail/service:web-b", &[], b"");
    feed.until("an instance that fails", |changed| {
        names(changed) == ["web-a"]
    })
    .await;
    fixture
        .agent
        .request("PUT", "/v1/agent/check/pass/service:web-b", &[], b"");
    feed.until("it is healthy again", |changed| {
        names(changed) == ["web-a", "web-b"]
    })
    .await;

    let watches = |fixture: &Fixture| fixture.watches.send(Status::all());
    assert_eq!(
        watches(&fixture).await.unwrap().len(),
        4,
        "the catalogue, the services, and one of each"
    );
    fixture
        .agent
        .request("PUT", "/v1/agent/service/deregister/web-b", &[], b"");
    feed.until("a service that went", |changed| names(changed) == ["web-a"])
        .await;
    let deadline = std::time::Instant::now() + DEADLINE;
    while watches(&fixture).await.unwrap().len() != 3 {
        assert!(
            std::time::Instant::now() < deadline,
            "the watch of a deregistered service continues"
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    fixture.watches.send(Stop::all()).await.unwrap();
    fixture.proxy.until_open(0, DEADLINE).await;
}

#[actix::test]
async fn five_hundred_services_on_a_stock_consul() {
    const SERVICES: usize = 500;
    let fixture = Fixture::dev();
    for n in 0..SERVICES {
        register(&fixture.agent, &format!("service-{n:03}"));
    }
    let mut feed: Feed<_> = fixture
        .watch(ServiceCatalog::new().named("service-*"))
        .await;
    let first = feed.next("all of them").await;
    assert_eq!(first.current.len(), SERVICES);

    // All but those with a connection poll, as their status says.
    let statuses = fixture.watches.send(Status::all()).await.unwrap();
    let waiting = statuses
        .iter()
        .filter(|status| matches!(status.state, WatchState::Polling { .. }))
        .count();
    let asking = SERVICES + 1;
    assert!(
        waiting >= asking - 2 * fixture.config.max_watch_connections(),
        "only {waiting} of {asking} wait"
    );
    assert!(
        fixture.proxy.open() < 200,
        "{} connections are open",
        fixture.proxy.open()
    );
    assert!(
        statuses.iter().all(|status| status.state.error().is_none()),
        "none was refused"
    );

    // A change is delivered at any place in the queue.
    for n in [0, 250, 499] {
        let name = format!("service-{n:03}");
        fixture.agent.request(
            "PUT",
            &format!("/v1/agent/check/fail/service:{name}"),
            &[],
            b"",
        );
        feed.until(&name, |changed| !names(changed).contains(&&*name))
            .await;
    }
}
