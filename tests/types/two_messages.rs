//! For each type: the first value, then one change, and nothing else: exactly two messages, and the third is
//! the marker's.

use consul_watch::{AgentService, Checks, ConnectRoots, Event, Nodes, Service, Services};
use serde_json::{Value, json};

use crate::connect_roots::rotate;
use crate::stage::Stage;

macro_rules! two_messages {
    ($($name:ident: $query:expr, $change:expr, $marker:expr;)*) => {
        $(
            #[actix_rt::test]
            async fn $name() {
                let stage = Stage::start();
                let mut feed = stage.watch($query).await;
                let first = feed.next("the first value").await;
                assert!(first.previous.is_none());
                let (change, marker): (fn(&Stage), fn(&Stage)) = ($change, $marker);
                change(&stage);
                let second = feed.next("the change").await;
                assert_eq!(second.previous.as_ref(), Some(&first.current));
                marker(&stage);
                let third = feed.next("the marker").await;
                assert_eq!(third.previous.as_ref(), Some(&second.current), "nothing came in between");
                assert_eq!(third.coalesced, 0);
                feed.has_nothing("there is no more to tell");
            }
        )*
    };
}

fn fire(stage: &Stage) {
    stage.put("/v1/event/fire/deploy", &Value::Null);
}

two_messages! {
    services: Services::new(), |stage| stage.register("a", "a", &[]), |stage| stage.deregister("a");
    nodes: Nodes::new(),
        |stage| stage.catalogue(&json!({ "Node": "far", "Address": "10.0.0.1" })),
        |stage| stage.uncatalogue(&json!({ "Node": "far" }));
    service: Service::new("a"), |stage| stage.register("a", "a", &[]), |stage| stage.deregister("a");
    checks_of_a_service: Checks::of_service("a"),
        |stage| stage.register("a", "a", &[]),
        |stage| stage.report("a", "fail", "no");
    checks_in_any_state: Checks::any(),
        |stage| stage.register("a", "a", &[]),
        |stage| stage.report("a", "fail", "no");
    event: Event::named("deploy"), fire, fire;
    connect_roots: ConnectRoots::new(), |stage| rotate(stage, "a"), |stage| rotate(stage, "b");
    agent_service: AgentService::new("a"), |stage| stage.register("a", "a", &[]), |stage| stage.deregister("a");
}
