//! A first answer that is empty because the token may not read what there is.
//!
//! With nothing can it be compared. A plain subscriber receives it, as the handler of `consul watch` does; a decoded
//! value and a subscriber with an earlier state do not.

use std::collections::BTreeMap;

use consul_watch::{
    ConsulConfig, FailureClass, Key, KeyPrefix, KeySet, Nodes, Reason, Service, Services, Snapshot,
    actors::Query, checkpoint::CheckpointFile,
};
use consul_watch_harness::{
    Acl, Canned, DEADLINE, Feed, ProxyStats, ResponseFault, Rule, eventually_async,
    fixture::supervisor, log_capture,
};
use serde_json::json;

/// An agent with this folder, and a supervisor whose token may read nothing of it but `open` in another folder.
fn start(folder: &str) -> Acl {
    log_capture::capture();
    let acl = Acl::of(|config, secret| config.with_token(secret));
    acl.policy("all", r#"key_prefix "" { policy = "read" }"#);
    acl.policy("other", r#"key_prefix "other/" { policy = "read" }"#);
    acl.allow(&["other"]);
    acl.fixture.agent.put(&format!("{folder}/port"), "80");
    acl
}

/// Waits for the warning that the first answer of this watch is empty.
async fn warned(path: &str) {
    eventually_async(DEADLINE, "the warning of an empty first answer", || {
        let records = log_capture::captured(&format!("path={path}"));
        records.iter().any(|record| {
            record.level == tracing::Level::WARN
                && record.text.contains("the first answer is empty")
        })
    })
    .await;
}

#[actix_rt::test]
async fn a_plain_subscriber_receives_an_empty_list_and_a_warning_names_the_watch() {
    let acl = start("first-plain");
    let mut feed = acl.fixture.watch(KeyPrefix::new("first-plain")).await;
    let first = feed.next("the empty list").await;
    assert!(first.current.is_empty() && first.reason == Reason::First);
    warned("keyprefix:first-plain").await;
    acl.fixture.until_live("keyprefix:first-plain").await;
    acl.allow(&["all"]);
    acl.fixture.agent.put("first-plain/port", "81");
    feed.says(&["added first-plain/port=81"]).await;
}

#[actix_rt::test]
async fn lists_of_the_catalog() {
    let acl = start("first-catalog");
    acl.fixture.agent.register_in_catalog(&json!({
        "Node": "first", "Address": "10.0.0.1",
        "Service": { "ID": "first-web", "Service": "first-web", "Port": 80 },
    }));
    let fixture = &acl.fixture;
    let mut service = fixture.watch(Service::new("first-web")).await;
    let mut services = fixture.watch(Services::new()).await;
    let mut nodes = fixture.watch(Nodes::new()).await;
    assert!(service.next("an empty list").await.current.is_empty());
    assert!(services.next("an empty list").await.current.is_empty());
    assert!(nodes.next("an empty list").await.current.is_empty());
    for path in ["service:first-web", "services", "nodes"] {
        warned(path).await;
    }
    acl.policy(
        "catalog",
        r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#,
    );
    acl.allow(&["catalog"]);
    let web = service.next("the instance").await;
    assert_eq!(web.current.len(), 1);
    assert!(!services.next("the services").await.current.is_empty());
    assert!(!nodes.next("the nodes").await.current.is_empty());
}

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(default)]
struct Web {
    port: u16,
}

impl Default for Web {
    fn default() -> Self {
        Self { port: 8080 }
    }
}

/// A supervisor with a root and one without.
#[actix_rt::test]
async fn decoded_values_are_rejected_and_never_their_defaults() {
    for (folder, root) in [
        ("first-decoded", None),
        ("first-rooted", Some("first-rooted")),
    ] {
        let mut acl = start(folder);
        if let Some(root) = root {
            acl.fixture = acl.fixture.with_root(KeyPrefix::new(root));
        }
        let fixture = &acl.fixture;
        let mut web = fixture.watch(KeyPrefix::new(folder).decode::<Web>()).await;
        let key = Key::new(format!("{folder}/port"));
        let mut port = fixture.watch(key.clone().json::<u16>()).await;
        let mut map = fixture
            .watch(
                KeyPrefix::new(folder)
                    .decode::<BTreeMap<String, u16>>()
                    .deny_unknown_fields(),
            )
            .await;
        let paths = [
            format!("keyprefix:{folder}/?decode"),
            format!("keyprefix:{folder}/?decode&deny_unknown_fields"),
            key.json::<u16>().path().to_string(),
        ];
        for path in &paths {
            let status = fixture.until_retrying(path, FailureClass::Denied).await;
            let text = status.to_string();
            assert!(text.contains("token"), "the reason: {text}");
        }
        web.has_nothing("its defaults are not what Consul has");
        map.has_nothing("an empty map neither");
        port.has_nothing("nor is the key absent");
        acl.allow(&["all"]);
        let first = web.next("the value").await;
        assert_eq!((first.current.port, first.reason), (80, Reason::First));
        assert_eq!(map.next("the value").await.current["port"], 80);
        let port = port.next("the value").await;
        assert_eq!(port.current.as_deref().map(|port| **port), Some(80));
    }
}

/// Watches with a checkpoint, by another supervisor than before: the process has started again.
async fn resume<Q: Query<Source = ConsulConfig>>(
    acl: &mut Acl,
    file: &CheckpointFile,
    query: Q,
) -> Feed<Q>
where
    <Q::Value as Snapshot>::Item: serde::Serialize,
{
    let feed = Feed::start();
    let watch = file
        .watch(query, feed.address.clone())
        .expect("a checkpoint of this watch");
    acl.fixture.watches = supervisor(&acl.fixture.config);
    let subscribed = acl.fixture.watches.send(watch).await;
    subscribed.expect("a supervisor").expect("a subscription");
    feed
}

async fn until_saved(file: &CheckpointFile) {
    let saved = || file.load().is_ok_and(|seen| seen.is_some());
    eventually_async(DEADLINE, "the checkpoint", saved).await;
}

#[actix_rt::test]
async fn with_a_checkpoint_it_is_no_removal() {
    let mut acl = start("first-seen");
    acl.allow(&["all"]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = CheckpointFile::new(folder.path().join("seen"));
    let query = || KeyPrefix::new("first-seen");
    let mut first = resume(&mut acl, &file, query()).await;
    first.says(&["added first-seen/port=80"]).await;
    until_saved(&file).await;

    acl.allow(&["other"]);
    let mut feed = resume(&mut acl, &file, query()).await;
    let set = KeySet::new().prefix(query()).key(Key::new("other/key"));
    let mut plain = acl.fixture.watch(set).await;
    warned("keyprefix:first-seen").await;
    assert!(plain.next("the empty list").await.current.is_empty());
    acl.fixture.ready().await;
    let asked = acl.fixture.proxy.stats().requests;
    let several = |stats: &ProxyStats| stats.requests > asked + 3;
    let proxy = &acl.fixture.proxy;
    proxy.until(DEADLINE, "further answers", several).await;
    feed.has_nothing("nothing is proven gone");
    acl.allow(&["all"]);
    acl.fixture.agent.put("first-seen/port", "81");
    feed.says(&["added first-seen/port=81"]).await;
    plain.says(&["added first-seen/port=81"]).await;
}

/// The first list is read without the right, and everything else with it.
#[actix_rt::test]
async fn a_right_that_comes_back_after_the_first_list() {
    let mut acl = start("first-back");
    acl.policy(
        "catalog",
        r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#,
    );
    acl.allow(&["all", "catalog"]);
    let register = |acl: &Acl, port: u16| {
        acl.fixture.agent.register_in_catalog(&json!({
            "Node": "first", "Address": "10.0.0.1",
            "Service": { "ID": "back", "Service": "back", "Port": port },
        }));
    };
    register(&acl, 80);
    let folder = tempfile::tempdir().expect("a folder");
    let keys = CheckpointFile::new(folder.path().join("keys"));
    let instances = CheckpointFile::new(folder.path().join("instances"));
    let (prefix, service) = (|| KeyPrefix::new("first-back"), || Service::new("back"));
    let mut first = resume(&mut acl, &keys, prefix()).await;
    first.says(&["added first-back/port=80"]).await;
    until_saved(&keys).await;
    let mut first = resume(&mut acl, &instances, service()).await;
    first.next("the instance").await;
    until_saved(&instances).await;

    let empty = |status, body| {
        let answer = Canned::new(status, body).header("X-Consul-Index", "1000000");
        ResponseFault::Replace(answer)
    };
    let proxy = &acl.fixture.proxy;
    proxy.inject(Rule::next(1, empty(404, "")).for_target("recurse"));
    proxy.inject(Rule::next(1, empty(200, "[]")).for_target("/v1/health/service/back"));
    let keys = resume(&mut acl, &keys, prefix()).await;
    let mut keys = keys.of_changes_only();
    acl.fixture.ready().await;
    acl.fixture.agent.put("first-back/port", "81");
    keys.says(&["updated first-back/port=80→81"]).await;
    let instances = resume(&mut acl, &instances, service()).await;
    let mut instances = instances.of_changes_only();
    acl.fixture.ready().await;
    register(&acl, 81);
    let changed = instances.next("the instance with another port").await;
    assert_eq!(changed.current[0].endpoint().port, 81);
}
