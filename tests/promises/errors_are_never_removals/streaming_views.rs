//! The streaming backend answers from a view, which is empty while it is rebuilt
//! (<https://developer.hashicorp.com/consul/api-docs/features/blocking#streaming-backend>).
//!
//! The answers were recorded on Consul 1.16 to 1.22 and are replayed in front of the agent of the test.

use std::time::Duration;

use consul_watch::{Checks, ConsulConfig, FailureClass, Nodes, Service, Services, actors::Query};
use consul_watch_harness::{
    Canned, DEADLINE, Describe, Feed, Fixture, ResponseFault, Rule, TestAgent, eventually,
    eventually_async, fixture::impatient,
};

const WEB1: &str = "web1 on harness at 127.0.0.1:80 is passing";
const WEB2: &str = "web2 on harness at 127.0.0.1:80 is passing";

fn start() -> Fixture {
    Fixture::of(agent(), impatient)
}

/// Returns an agent with a passing instance of `web`.
fn agent() -> TestAgent {
    let agent = TestAgent::dev();
    agent.register("web1", "web", &[]);
    // The agent registers it in the catalog, then its check, and its own node's metadata, in any order.
    eventually(DEADLINE, "a passing instance in the catalog", || {
        let first = &agent.get_json("/v1/health/service/web?passing=1")[0];
        let meta = first["Node"]["Meta"].as_object();
        first["Checks"][1].is_object() && meta.is_some_and(|meta| !meta.is_empty())
    });
    agent
}

/// Replaces the next held answer of the watch, and waits until the watch has asked again after it.
async fn replay(fixture: &Fixture, path: &str, answer: Canned) {
    let rule = Rule::next(1, ResponseFault::Replace(answer)).for_target("index=");
    fixture.proxy.inject(rule);
    let before = asked(fixture, path);
    // The held query ends, the list is read again without an index, and the next query is held.
    eventually_async(DEADLINE, "two more queries", || {
        asked(fixture, path) >= before + 2
    })
    .await;
}

/// Returns the number of requests of this path.
fn asked(fixture: &Fixture, path: &str) -> usize {
    let seen = fixture.proxy.requests();
    seen.iter()
        .filter(|request| request.target.starts_with(path))
        .count()
}

/// Returns the index of the list.
fn index(fixture: &Fixture, path: &str) -> u64 {
    let reply = fixture.agent.request("GET", path, &[], b"");
    let index = reply.header("X-Consul-Index").expect("an index");
    index.parse().expect("a number")
}

const WEB: &str = "/v1/health/service/web";

#[actix_rt::test]
async fn a_view_that_is_rebuilt() {
    let fixture = start();
    let mut feed = fixture.watch(Service::new("web")).await;
    feed.says(&[&format!("added {WEB1}")]).await;
    for name in [
        "116-1e-acl-index-1",
        "121-1e-index-1",
        "122-1a-rights-cut-streaming",
        "122-1a-rights-cut-streaming-next",
        "122-1b-200-2",
        "122-1e-acl-index-1",
        "122-1e-index-1",
    ] {
        let answer = Canned::answer(name);
        let same_index = answer.clone().with_index(index(&fixture, WEB));
        let later_index = answer.clone().with_index(index(&fixture, WEB) + 5);
        for answer in [answer, same_index, later_index] {
            replay(&fixture, WEB, answer).await;
            feed.has_nothing(name);
            fixture.until_live("service:web").await;
        }
    }
    fixture.agent.register("web2", "web", &[]);
    feed.says(&[&format!("added {WEB2}")]).await;
    fixture.agent.deregister("web1");
    feed.says(&[&format!("removed {WEB1}")]).await;
}

/// A list of any type whose index is missing, 0 or 1 is read again.
#[actix_rt::test]
async fn an_empty_list_whose_index_fell() {
    let fixture = start();
    let first = index(&fixture, "/v1/catalog/services");
    assert!(first > 1);
    let services = fixture.watch(Services::new()).await;
    falls(&fixture, services, "/v1/catalog/services", "{}").await;
    let nodes = fixture.watch(Nodes::new()).await;
    falls(&fixture, nodes, "/v1/catalog/nodes", "[]").await;
    let checks = fixture.watch(Checks::any()).await;
    falls(&fixture, checks, "/v1/health/state/any", "[]").await;
}

async fn falls<Q: Query>(fixture: &Fixture, mut feed: Feed<Q>, path: &str, body: &str)
where
    <Q::Value as consul_watch::Snapshot>::Item: Describe,
{
    feed.next("the first state").await;
    let answer = Canned::new(200, body);
    for answer in [
        answer.clone(),
        answer.clone().with_index(0),
        answer.with_index(1),
    ] {
        replay(fixture, path, answer).await;
        feed.has_nothing(path);
    }
}

/// The addition of an answer is delivered although nothing proves that the instance that it lacks is gone.
#[actix_rt::test]
async fn an_unproven_removal_does_not_hold_back_an_addition() {
    let fixture = start();
    let mut feed = fixture.watch(Service::new("web")).await;
    feed.says(&[&format!("added {WEB1}")]).await;
    let other = fixture
        .agent
        .get_json(WEB)
        .to_string()
        .replace("web1", "web2");
    let answer = Canned::new(200, other).with_index(index(&fixture, WEB) + 1);
    let down = ResponseFault::status(500, "rpc error: No cluster leader");
    let proxy = &fixture.proxy;
    proxy.inject(Rule::next(2, ResponseFault::Replace(answer)).for_target("index="));
    proxy.inject(Rule::always(down).for_target("consistent"));
    let added = feed.says(&[&format!("added {WEB2}")]).await;
    assert_eq!(added.current.len(), 2);
    fixture
        .until_retrying("service:web", FailureClass::Transient)
        .await;
    feed.has_nothing("nothing is proven");
    proxy.pass();
    // Consul never had it.
    feed.says(&[&format!("removed {WEB2}")]).await;
}

/// Nothing answers the fresh list, and no time limit ends the wait for it.
#[actix_rt::test]
async fn an_unanswered_proof_does_not_hold_back_an_addition() {
    let agent = agent();
    let patient =
        |config: ConsulConfig| impatient(config).with_request_timeout(Duration::from_secs(3_600));
    let fixture = Fixture::of(agent, patient);
    let mut feed = fixture.watch(Service::new("web")).await;
    feed.says(&[&format!("added {WEB1}")]).await;
    let web = fixture.agent.get_json(WEB).to_string();
    let answer = Canned::new(200, web.replace("web1", "web2"));
    let answer = answer.with_index(index(&fixture, WEB) + 1);
    let proxy = &fixture.proxy;
    proxy.inject(Rule::next(2, ResponseFault::Replace(answer)).for_target("index="));
    proxy.inject(Rule::always(ResponseFault::stall_after_headers()).for_target("consistent"));
    let added = feed.says(&[&format!("added {WEB2}")]).await;
    assert_eq!(added.current.len(), 2);
}
