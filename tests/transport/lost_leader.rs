//! The loss of the leader shows in the status of a watch whose answers do not show it: those of the streaming backend.

use consul_watch::{Failure, Service, client::ClientError};
use consul_watch_harness::{Canned, Fixture, ResponseFault, Rule, TestAgent};

const STATUS: &str = "/v1/status/leader";
const WATCHES: usize = 20;

/// Consul 1.8 has no streaming backend, so its answers get the header of one that has.
fn streaming() -> Fixture {
    // The test's patience is shorter than the wait.
    let fixture = Fixture::of(TestAgent::dev(), |config| {
        config.with_wait(std::time::Duration::from_secs(600))
    });
    stream(&fixture);
    fixture
}

fn stream(fixture: &Fixture) {
    let backend = ResponseFault::SetHeader {
        name: "X-Consul-Query-Backend".to_owned(),
        value: "streaming".to_owned(),
    };
    let rule = Rule::always(backend).for_target("/v1/health/service/");
    fixture.proxy.inject(rule);
}

/// Lets the agent say that no server knows a leader, and refuse all queries that need one.
fn lose_leader(fixture: &Fixture) {
    let nobody = ResponseFault::Replace(Canned::new(200, r#""""#));
    fixture
        .proxy
        .inject(Rule::always(nobody).for_target(STATUS));
    let refusal = ResponseFault::status(500, "No cluster leader");
    fixture
        .proxy
        .inject(Rule::always(refusal).for_target("consistent"));
}

fn probes(fixture: &Fixture) -> usize {
    let seen = fixture.proxy.requests();
    seen.iter()
        .filter(|request| request.target == STATUS)
        .count()
}

#[actix_rt::test]
async fn many_watches_share_one_probe_and_all_say_so() {
    let fixture = streaming();
    let mut feeds = Vec::new();
    for number in 0..WATCHES {
        let query = Service::new("web").tag(format!("t{number}"));
        let mut feed = fixture.watch(query).await;
        feed.next("the first value").await;
        feeds.push(feed);
    }
    lose_leader(&fixture);
    for number in 0..WATCHES {
        let path = format!("service:web?tag=t{number}");
        fixture
            .until(&path, "the loss of the leader", |status| {
                status.state.error().is_some_and(Failure::is_outage)
            })
            .await;
    }
    // Seven seconds without a leader, at one probe in two seconds, after at most two probes with one.
    let count = probes(&fixture);
    assert!(
        (4..=12).contains(&count),
        "{count} probes for {WATCHES} watches"
    );
    fixture.proxy.pass();
    stream(&fixture);
    for (number, feed) in feeds.iter_mut().enumerate() {
        fixture
            .until_live(&format!("service:web?tag=t{number}"))
            .await;
        feed.has_nothing("nothing has changed");
    }
    fixture.agent.register("web1", "web", &["t0"]);
    feeds[0]
        .says(&["added web1 on harness at 127.0.0.1:80 is passing"])
        .await;
}

#[actix_rt::test]
async fn an_answer_that_the_probe_does_not_know_ends_no_query() {
    let fixture = streaming();
    let unknown = ResponseFault::html(404, "<html>Not found</html>");
    fixture
        .proxy
        .inject(Rule::always(unknown).for_target(STATUS));
    let mut feed = fixture.watch(Service::new("web")).await;
    feed.next("the first value").await;
    consul_watch_harness::eventually_async(consul_watch_harness::DEADLINE, "three probes", || {
        probes(&fixture) >= 3
    })
    .await;
    let status = fixture.status("service:web").await;
    assert!(status.state.is_live() && status.restarts == 0, "{status}");
}

#[test]
fn the_error_names_the_servers_and_the_remedy() {
    let error = ClientError::NoLeader {
        target: "GET http://127.0.0.1:8500/v1/status/leader".to_owned(),
        reason: "no server knows one".to_owned(),
    };
    assert_eq!(
        error.to_string(),
        "the servers behind GET http://127.0.0.1:8500/v1/status/leader have no leader: no server knows one; check \
         that most of Consul's servers run"
    );
}
