//! Exactly two messages for each type: the first value, then one change. The third is the marker's.

use consul_watch::{AgentService, Checks, ConnectRoots, Event, Nodes, Service, Services};
use consul_watch_harness::Fixture;
use serde_json::{Value, json};

use crate::connect_roots::rotate;
use crate::fixture::start;

macro_rules! two_messages {
    ($($name:ident: $query:expr, $change:expr, $marker:expr;)*) => {
        $(
            #[actix_rt::test]
            async fn $name() {
                let fixture = start();
                let mut feed = fixture.watch($query).await;
                let first = feed.next("the first value").await;
                assert!(first.previous.is_none());
                let (change, marker): (fn(&Fixture), fn(&Fixture)) = ($change, $marker);
                change(&fixture);
                let second = feed.next("the change").await;
                assert_eq!(second.previous.as_ref(), Some(&first.current));
                marker(&fixture);
                let third = feed.next("the marker").await;
                assert_eq!(third.previous.as_ref(), Some(&second.current), "there is no update in between");
                assert_eq!(third.coalesced, 0);
                feed.has_nothing("there is no further change");
            }
        )*
    };
}

fn fire(fixture: &Fixture) {
    fixture
        .agent
        .put_json("/v1/event/fire/deploy", &Value::Null);
}

two_messages! {
    services: Services::new(), |fixture| fixture.agent.register("a", "a", &[]), |fixture| fixture.agent.deregister("a");
    nodes: Nodes::new(),
        |fixture| fixture.agent.register_in_catalog(&json!({ "Node": "far", "Address": "10.0.0.1" })),
        |fixture| fixture.agent.deregister_from_catalog(&json!({ "Node": "far" }));
    service: Service::new("a"), |fixture| fixture.agent.register("a", "a", &[]), |fixture| fixture.agent.deregister("a");
    checks_of_a_service: Checks::of_service("a"),
        |fixture| fixture.agent.register("a", "a", &[]),
        |fixture| fixture.agent.report("a", "fail", "no");
    checks_in_any_state: Checks::any(),
        |fixture| fixture.agent.register("a", "a", &[]),
        |fixture| fixture.agent.report("a", "fail", "no");
    event: Event::named("deploy"), fire, fire;
    connect_roots: ConnectRoots::new(), |fixture| rotate(fixture, "a"), |fixture| rotate(fixture, "b");
    agent_service: AgentService::new("a"), |fixture| fixture.agent.register("a", "a", &[]), |fixture| fixture.agent.deregister("a");
}
