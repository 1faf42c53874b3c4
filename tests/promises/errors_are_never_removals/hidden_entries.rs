//! Services, instances, nodes and checks that the token may not read are not removed.
//!
//! Consul omits them from a list
//! (<https://developer.hashicorp.com/consul/docs/security/acl/acl-rules#service-rules>).

use consul_watch::{
    Checks, ConsulConfig, FailureClass, Nodes, Service, Services, actors::Query, model::CheckStatus,
};
use consul_watch_harness::{
    Acl, DEADLINE, Feed, ResponseFault, Rule, described, eventually_async, log_capture,
};
use serde_json::json;

const ALL: &str = r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#;
const NO_SERVICES: &str = r#"node_prefix "" { policy = "read" }"#;
const NO_NODES: &str = r#"service_prefix "" { policy = "read" }"#;
const NOTHING: &str = r#"key_prefix "" { policy = "read" }"#;

/// An agent, a token that may read all of its catalog, and a node with the services `NAME-web` and `NAME-db`.
/// Each test uses another name, because all tests share one log.
struct Catalog {
    acl: Acl,
    name: &'static str,
}

impl Catalog {
    fn start(name: &'static str) -> Self {
        log_capture::capture();
        let acl = Acl::start();
        acl.policy("p", ALL);
        acl.allow(&["p"]);
        let catalog = Self { acl, name };
        catalog.put("web", "passing");
        catalog.put("db", "passing");
        catalog
    }

    /// Registers an instance with a check in this state.
    fn put(&self, service: &str, status: &str) {
        let name = format!("{}-{service}", self.name);
        self.acl.fixture.agent.register_in_catalog(&json!({
            "Node": self.name, "Address": "10.0.0.1",
            "Service": { "ID": name, "Service": name, "Port": 80 },
            "Check": { "CheckID": name, "Name": "c", "ServiceID": name, "Status": status },
        }));
    }

    fn remove(&self, service: &str) {
        let id = format!("{}-{service}", self.name);
        let entry = json!({ "Node": self.name, "ServiceID": id });
        self.acl.fixture.agent.deregister_from_catalog(&entry);
    }

    fn service(&self, name: &str) -> Service {
        Service::new(format!("{}-{name}", self.name)).with_token(self.acl.secret.as_str())
    }

    /// Watches with the token, and returns the feed after the first state.
    async fn watch<Q: Query<Source = ConsulConfig>>(&self, query: Q) -> Feed<Q> {
        let mut feed = self.acl.fixture.watch(query).await;
        feed.next("the first state").await;
        feed
    }

    /// Replaces the token's rules, and waits for the warning of a hidden entry, which is the `count`th.
    async fn cut(&self, rules: &str, count: usize) {
        self.acl.policy("p", rules);
        eventually_async(DEADLINE, &format!("warning {count}"), || {
            self.warnings() >= count
        })
        .await;
        assert_eq!(self.warnings(), count);
    }

    fn grant(&self) {
        self.acl.policy("p", ALL);
    }

    /// Returns the number of warnings of hidden entries.
    fn warnings(&self) -> usize {
        let records = log_capture::captured(&format!("{}-", self.name));
        let hidden = records.iter().filter(|record| {
            record.level == tracing::Level::WARN && record.text.contains("may no longer read")
        });
        hidden.count()
    }

    /// Returns the number of requests whose target contains `part`.
    fn requests(&self, part: &str) -> usize {
        let seen = self.acl.fixture.proxy.requests();
        seen.iter()
            .filter(|request| request.target.contains(part))
            .count()
    }
}

#[actix_rt::test]
async fn an_instance_whose_service_or_node_is_hidden() {
    let catalog = Catalog::start("instance");
    let query = catalog.service("web");
    let path = query.path().to_string();
    let mut feed = catalog.watch(query).await;
    for (turn, rules) in [NO_SERVICES, NO_NODES, NOTHING].into_iter().enumerate() {
        catalog.cut(rules, turn + 1).await;
        catalog.acl.fixture.until_live(&path).await;
        feed.has_nothing(rules);
        catalog.grant();
        let status = if turn % 2 == 0 { "critical" } else { "passing" };
        catalog.put("web", status);
        let changed = feed.next("the value after the right is back").await;
        assert_eq!(changed.changes().len(), 1, "{:?}", described(&changed));
        assert_eq!(changed.current[0].health().as_str(), status);
        assert_eq!(changed.current[0].hidden_since, None);
    }
}

/// Consul says of a hidden instance that it does not exist.
#[actix_rt::test]
async fn a_hidden_instance_that_is_deregistered() {
    let catalog = Catalog::start("deregistered");
    let mut feed = catalog.watch(catalog.service("web")).await;
    catalog.cut(NOTHING, 1).await;
    catalog.remove("web");
    let removed = "removed deregistered-web on deregistered at 10.0.0.1:80 is passing";
    feed.says(&[removed]).await;
}

#[actix_rt::test]
async fn a_hidden_node() {
    let catalog = Catalog::start("node");
    let token = catalog.acl.secret.as_str();
    // The agent's own node is updated while the agent starts.
    let query = Nodes::new().with_filter(r#"Node != "harness""#);
    let mut feed = catalog.watch(query.with_token(token)).await;
    let rules = r#"node "harness" { policy = "read" }"#;
    catalog.acl.policy("p", rules);
    let hidden = || !log_capture::captured("entries=\"node\"").is_empty();
    eventually_async(DEADLINE, "the warning", hidden).await;
    let node = json!({ "Node": "other", "Address": "10.0.0.2" });
    catalog.acl.fixture.agent.register_in_catalog(&node);
    catalog.acl.policy(
        "p",
        &format!(r#"{rules} node "other" {{ policy = "read" }}"#),
    );
    let added = feed.says(&["added other (10.0.0.2)"]).await;
    assert_eq!(added.current.len(), 2);
    catalog
        .acl
        .fixture
        .agent
        .deregister_from_catalog(&json!({ "Node": "node" }));
    feed.says(&["removed node (10.0.0.1)"]).await;
}

#[actix_rt::test]
async fn a_hidden_service() {
    let catalog = Catalog::start("name");
    let token = catalog.acl.secret.as_str();
    let mut feed = catalog.watch(Services::new().with_token(token)).await;
    let rules = r#"service_prefix "" { policy = "read" } service "name-db" { policy = "deny" } node_prefix "" { policy = "read" }"#;
    catalog.cut(rules, 1).await;
    catalog.remove("web");
    feed.says(&["removed name-web"]).await;
    catalog.remove("db");
    catalog.put("api", "passing");
    feed.says(&["added name-api"]).await;
    catalog.grant();
    feed.says(&["removed name-db"]).await;
}

/// The token sees a part of a list as a rule. What leaves that part is removed.
#[actix_rt::test]
async fn the_last_critical_check_of_a_team_passes_again() {
    let catalog = Catalog::start("team");
    catalog.acl.policy(
        "p",
        r#"service_prefix "team-web" { policy = "read" } node_prefix "" { policy = "read" }"#,
    );
    catalog.put("web", "critical");
    catalog.put("db", "critical");
    let query = Checks::in_state(CheckStatus::Critical).with_token(catalog.acl.secret.as_str());
    let mut feed = catalog.acl.fixture.watch(query).await;
    feed.says(&["added team-web on team is critical"]).await;
    catalog.put("web", "passing");
    let removed = feed.says(&["removed team-web on team is critical"]).await;
    assert!(removed.current.is_empty());
    assert_eq!(catalog.warnings(), 0);
}

/// The filtered flag is never sent without a token.
#[actix_rt::test]
async fn the_anonymous_policy_is_cut() {
    let catalog = Catalog::start("anonymous");
    let agent = &catalog.acl.fixture.agent;
    let anonymous = "00000000-0000-0000-0000-000000000002";
    let policies = json!({ "AccessorID": anonymous, "Policies": [{ "Name": "p" }] });
    agent.put_json(&format!("/v1/acl/token/{anonymous}"), &policies);
    // The agent writes its own node's metadata some time after its start.
    let own_node = || {
        let nodes = agent.get_json("/v1/catalog/nodes");
        let mut nodes = nodes.as_array().into_iter().flatten();
        let own = nodes.find(|node| node["Node"] == "harness")?;
        own["Meta"].as_object().filter(|meta| !meta.is_empty())?;
        Some(())
    };
    eventually_async(DEADLINE, "the agent's node", || own_node().is_some()).await;
    let config = consul_watch_harness::fixture::impatient(consul_watch_harness::fixture::config(
        &catalog.acl.fixture.proxy.url(),
    ));
    let watches = consul_watch_harness::fixture::supervisor(&config);
    let mut services = consul_watch_harness::fixture::watch(&watches, Services::new()).await;
    let mut nodes = consul_watch_harness::fixture::watch(&watches, Nodes::new()).await;
    let query = Service::new("anonymous-web");
    let mut web = consul_watch_harness::fixture::watch(&watches, query).await;
    services.next("services").await;
    nodes.next("nodes").await;
    web.next("instances").await;
    catalog.acl.policy("p", NOTHING);
    // The view of an instance keeps its rights on some releases.
    for hidden in ["entries=\"anonymous-db, ", "entries=\"anonymous, "] {
        let is_logged = || !log_capture::captured(hidden).is_empty();
        eventually_async(DEADLINE, hidden, is_logged).await;
    }
    services.has_nothing("no service was removed");
    nodes.has_nothing("no node was removed");
    web.has_nothing("no instance was removed");
    catalog.grant();
    catalog.remove("web");
    services.says(&["removed anonymous-web"]).await;
    web.says(&["removed anonymous-web on anonymous at 10.0.0.1:80 is passing"])
        .await;
}

/// A removal costs one list and one transaction; a check that fails, two lists.
#[actix_rt::test]
async fn the_cost_of_a_removal() {
    let catalog = Catalog::start("cost");
    let mut feed = catalog.watch(catalog.service("web").passing_only()).await;
    let (lists, proofs) = (
        "/v1/health/service/cost-web?passing=1&consistent",
        "/v1/txn",
    );
    let before = catalog.requests(lists);
    catalog.put("web", "critical");
    feed.says(&["removed cost-web on cost at 10.0.0.1:80 is passing"])
        .await;
    assert_eq!(
        (catalog.requests(lists) - before, catalog.requests(proofs)),
        (2, 1)
    );
    catalog.put("web", "passing");
    feed.next("the instance that passes").await;
    catalog.remove("web");
    feed.says(&["removed cost-web on cost at 10.0.0.1:80 is passing"])
        .await;
    assert_eq!(
        (catalog.requests(lists) - before, catalog.requests(proofs)),
        (3, 2)
    );
}

/// Each of many missing entries is checked.
#[actix_rt::test]
async fn a_hidden_instance_among_a_hundred_that_are_removed_at_once() {
    let catalog = Catalog::start("hundred");
    let agent = &catalog.acl.fixture.agent;
    let instance = |node: &str| {
        let service = json!({ "ID": "i", "Service": "hundred-web" });
        json!({ "Node": node, "Address": "10.0.0.3", "Service": service })
    };
    let nodes: Vec<_> = (0..100).map(|number| format!("hundred-{number}")).collect();
    for node in &nodes {
        agent.register_in_catalog(&instance(node));
    }
    let mut feed = catalog.watch(catalog.service("web")).await;
    let rules = r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" } node "hundred-50" { policy = "deny" }"#;
    catalog.cut(rules, 1).await;
    for node in nodes.iter().filter(|node| *node != "hundred-50") {
        agent.deregister_from_catalog(&json!({ "Node": node }));
    }
    let mut removed = 0;
    while removed < 99 {
        let changed = feed.next("removals").await;
        let changes = described(&changed);
        assert!(
            changes
                .iter()
                .all(|change| change.starts_with("removed i on hundred-"))
        );
        assert!(!changes.iter().any(|change| change.contains("hundred-50 ")));
        removed += changes.len();
    }
    agent.deregister_from_catalog(&json!({ "Node": "hundred-50" }));
    feed.says(&["removed i on hundred-50 at 10.0.0.3:0 is passing"])
        .await;
}

#[actix_rt::test]
async fn a_proof_that_fails_or_is_refused() {
    let catalog = Catalog::start("proof");
    let query = catalog.service("web");
    let path = query.path().to_string();
    let mut feed = catalog.watch(query).await;
    let fixture = &catalog.acl.fixture;
    for fault in [
        ResponseFault::status(500, "No cluster leader"),
        ResponseFault::status(429, "slow down"),
        ResponseFault::html(502, "<html>"),
    ] {
        fixture
            .proxy
            .inject(Rule::always(fault).for_target("/v1/txn"));
        catalog.remove("web");
        fixture.until_retrying(&path, FailureClass::Transient).await;
        feed.has_nothing("nothing is proven");
        fixture.proxy.pass();
        let removed = "removed proof-web on proof at 10.0.0.1:80 is passing";
        feed.says(&[removed]).await;
        catalog.put("web", "passing");
        feed.next("the instance").await;
    }
    // A proxy that lets only reads through: the rights are read instead.
    let refusal = ResponseFault::status(405, "only GET");
    fixture
        .proxy
        .inject(Rule::always(refusal).for_target("/v1/txn"));
    catalog.cut(NO_SERVICES, 1).await;
    feed.has_nothing("it is hidden");
    catalog.grant();
    catalog.remove("web");
    feed.says(&["removed proof-web on proof at 10.0.0.1:80 is passing"])
        .await;
}

#[actix_rt::test]
async fn a_subscriber_that_drops_hidden_entries() {
    let catalog = Catalog::start("drop");
    let mut feed = catalog.watch(catalog.service("web").without_hidden()).await;
    catalog.acl.policy("p", NO_SERVICES);
    let web = "drop-web on drop at 10.0.0.1:80 is passing";
    feed.says(&[&format!("removed {web}")]).await;
    catalog.grant();
    feed.says(&[&format!("added {web}")]).await;
}
