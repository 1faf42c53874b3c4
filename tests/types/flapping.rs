//! Many services with one flapping check.

use consul_watch::Service;
use consul_watch::model::{CheckStatus, ServiceEntry, Transitions};

use crate::fixture::start;

const SERVICES: usize = 300;
const FLIPS: usize = 100;

#[actix_rt::test]
async fn a_view_of_the_status_receives_each_and_a_view_of_the_address_none() {
    let fixture = start();
    for at in 0..SERVICES {
        fixture.agent.register(&format!("web{at}"), "web", &[]);
    }
    let mut status = fixture
        .watch_with(Service::new("web"), |watch| {
            watch.project(ServiceEntry::health)
        })
        .await;
    let mut address = fixture
        .watch_with(Service::new("web"), |watch| {
            watch.project(ServiceEntry::endpoint)
        })
        .await;
    assert_eq!(status.next("the first value").await.current.len(), SERVICES);
    assert_eq!(
        address.next("the first value").await.current.len(),
        SERVICES
    );
    for flip in 0..FLIPS {
        let (how, expected) = if flip % 2 == 0 {
            ("fail", CheckStatus::Critical)
        } else {
            ("pass", CheckStatus::Passing)
        };
        fixture.agent.report("web7", how, &flip.to_string());
        let changed = status.next("a flip").await;
        let changes = changed.changes();
        assert_eq!(changes.len(), 1, "one of {SERVICES} changed: {changes:?}");
        assert_eq!(changes[0].item().service.id, "web7");
        assert_eq!(
            changes[0].transition().and_then(|step| step.to),
            Some(expected)
        );
    }
    // A marker: the next delivery to the other one is an address.
    fixture.agent.register("web7", "web", &["marked"]);
    let changed = address.next("the marker").await;
    let changes = changed.changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].item().service.tags.as_slice(), ["marked"]);
    assert!(
        changes[0]
            .old()
            .expect("it was there")
            .service
            .tags
            .is_empty()
    );
    status.has_nothing("no status changed");
}

#[actix_rt::test]
async fn after_a_burst_of_flips_the_last_state_is_delivered() {
    let fixture = start();
    fixture.agent.register("web1", "web", &[]);
    let mut feed = fixture
        .watch_with(Service::new("web"), |watch| {
            watch.project(ServiceEntry::health)
        })
        .await;
    let mut last = feed.next("the first value").await;
    for flip in 0..FLIPS {
        fixture
            .agent
            .report("web1", ["fail", "warn", "pass"][flip % 3], "x");
    }
    fixture.agent.report("web1", "fail", "x");
    fixture.agent.register("web2", "web", &[]);
    while last.current.len() < 2 || last.current[0].health() != CheckStatus::Critical {
        last = feed.next("the last state").await;
        assert!(!last.changes().is_empty());
    }
    fixture.agent.deregister("web2");
    feed.says(&["removed web2 on here at 127.0.0.1:80 is passing"])
        .await;
}
