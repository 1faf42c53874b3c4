//! Keys that the token may not read are not removed.
//!
//! Consul omits them from a list
//! (<https://developer.hashicorp.com/consul/docs/security/acl/acl-rules#key-value-rules>).

use std::time::Duration;

use consul_watch::{ConsulConfig, FailureClass, Key, KeyPrefix, client::Consistency};
use consul_watch_harness::{
    Acl, Canned, DEADLINE, Feed, ResponseFault, Rule, described, eventually_async, log_capture,
};
use serde_json::Value;

/// A watch of a folder whose token may read all of it, or all but `FOLDER/secret`.
struct Folder {
    acl: Acl,
    feed: Feed<KeyPrefix>,
    name: &'static str,
}

impl Folder {
    /// Watches a folder with these keys, each with the value 1. Each test uses another name, because all tests
    /// share one log.
    async fn start(name: &'static str, keys: &[&str]) -> Self {
        Self::of(Acl::start(), name, keys).await
    }

    async fn of(acl: Acl, name: &'static str, keys: &[&str]) -> Self {
        log_capture::capture();
        let all = format!(r#"key_prefix "{name}/" {{ policy = "read" }}"#);
        let but_secret = format!(r#"{all} key "{name}/secret" {{ policy = "deny" }}"#);
        acl.policy("all", &all);
        acl.policy("but-secret", &but_secret);
        acl.allow(&["all"]);
        for key in keys {
            acl.fixture.agent.put(&format!("{name}/{key}"), "1");
        }
        let query = KeyPrefix::new(name).with_token(acl.secret.as_str());
        let mut feed = acl.fixture.watch(query).await;
        let mut first: Vec<_> = keys
            .iter()
            .map(|key| format!("added {name}/{key}=1"))
            .collect();
        first.sort();
        let first: Vec<_> = first.iter().map(String::as_str).collect();
        feed.says(&first).await;
        Self { acl, feed, name }
    }

    fn put(&self, key: &str, value: &str) {
        let key = format!("{}/{key}", self.name);
        self.acl.fixture.agent.put(&key, value);
    }

    /// Withdraws the right to `secret`, and waits until the watch has noticed.
    async fn hide(&self) {
        self.acl.allow(&["but-secret"]);
        let part = format!("keys=\"{}/secret\"", self.name);
        eventually_async(DEADLINE, "the warning of a hidden key", || {
            !log_capture::captured(&part).is_empty()
        })
        .await;
    }

    fn show(&self) {
        self.acl.allow(&["all"]);
    }

    /// Returns the number of warnings.
    fn warnings(&self) -> usize {
        let part = format!("path=keyprefix:{}?token", self.name);
        let records = log_capture::captured(&part);
        let warnings = records
            .iter()
            .filter(|record| record.level == tracing::Level::WARN);
        warnings.count()
    }

    /// Returns the number of requests of this method that contain `part`.
    fn requests(&self, method: &str, part: &str) -> usize {
        let seen = self.acl.fixture.proxy.requests();
        let fitting = seen
            .iter()
            .filter(|request| request.method == method && request.target.contains(part));
        fitting.count()
    }

    /// Returns a list of the folder without this key, as Consul sends it for a token without the right.
    fn list_without(&self, key: &str, index: u64) -> ResponseFault {
        let key = format!("{}/{key}", self.name);
        self.list(index, |list| {
            list.retain(|pair| pair["Key"] != key.as_str());
        })
    }

    /// Returns the list of the folder with this index, and changed.
    fn list(&self, index: u64, change: impl FnOnce(&mut Vec<Value>)) -> ResponseFault {
        let agent = &self.acl.fixture.agent;
        let mut pairs = agent.get_json(&format!("/v1/kv/{}/?recurse", self.name));
        change(pairs.as_array_mut().expect("a list"));
        let list = Canned::new(200, pairs.to_string());
        ResponseFault::Replace(list.header("X-Consul-Index", &index.to_string()))
    }

    async fn says(&mut self, changes: &[&str]) {
        let changes: Vec<_> = changes
            .iter()
            .map(|change| change.replace('/', &format!("{}/", self.name)))
            .collect();
        let changes: Vec<_> = changes.iter().map(String::as_str).collect();
        self.feed.says(&changes).await;
    }
}

/// Every missing key is checked: a sample of 16 would miss the hidden one.
#[actix_rt::test]
async fn a_hidden_key_among_forty_that_are_deleted_at_once() {
    let keys: Vec<String> = (0..40).map(|number| format!("old/{number:02}")).collect();
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    keys.extend(["open", "secret"]);
    let mut folder = Folder::start("forty", &keys).await;
    folder.hide().await;
    folder.acl.fixture.agent.delete_tree("forty/old/");
    let changed = folder.feed.next("forty removals").await;
    let removed = described(&changed);
    assert_eq!(removed.len(), 40, "{removed:?}");
    assert!(
        removed
            .iter()
            .all(|change| change.starts_with("removed forty/old/")),
        "{removed:?}"
    );
    let left: Vec<_> = changed.current.iter().map(|pair| &*pair.key).collect();
    assert_eq!(left, ["forty/open", "forty/secret"]);
    assert!(changed.current[0].hidden_since.is_none());
    assert!(changed.current[1].hidden_since.is_some());
    folder.show();
    folder.put("secret", "2");
    folder.says(&["updated /secret=1→2"]).await;
}

#[actix_rt::test]
async fn a_hidden_key_does_not_hold_back_the_others() {
    let mut folder = Folder::start("busy", &["open", "secret"]).await;
    folder.hide().await;
    for turn in 1..=5 {
        folder.put("open", &(turn + 1).to_string());
        let update = format!("updated /open={turn}→{}", turn + 1);
        folder.says(&[&update]).await;
    }
    folder.acl.fixture.until_live("keyprefix:busy?token").await;
    folder.put("secret", "2");
    folder.put("open", "7");
    // A write to a hidden key stays unknown.
    folder.says(&["updated /open=6→7"]).await;
    assert_eq!(folder.warnings(), 1, "one warning names the key");
    folder.show();
    folder.says(&["updated /secret=1→2"]).await;
    assert_eq!(folder.warnings(), 1);
}

#[actix_rt::test]
async fn a_hidden_key_that_is_deleted_is_removed_when_that_is_proven() {
    let mut folder = Folder::start("late", &["open", "secret"]).await;
    folder.hide().await;
    folder.acl.fixture.agent.delete("late/secret");
    folder.put("open", "2");
    folder.says(&["updated /open=1→2"]).await;
    folder.show();
    folder.says(&["removed /secret=1"]).await;
}

/// The list was read without the right, and the proof with it.
#[actix_rt::test]
async fn a_right_that_comes_back_between_the_list_and_the_proof() {
    let mut folder = Folder::start("back", &["open", "secret"]).await;
    let list = folder.list_without("secret", 1_000_000);
    let rule = Rule::next(1, list).for_target("recurse");
    folder.acl.fixture.proxy.inject(rule);
    // Consul itself answers the proof and the second list.
    eventually_async(DEADLINE, "a proof", || {
        folder.requests("PUT", "/v1/txn") > 0
    })
    .await;
    folder.put("open", "2");
    folder.says(&["updated /open=1→2"]).await;
    assert_eq!(folder.requests("PUT", "/v1/txn"), 1);
    assert_eq!(folder.warnings(), 0);
}

/// An answer that contradicts Consul's own word again and again delivers no removal, and nothing else is lost.
#[actix_rt::test]
async fn a_list_that_lacks_a_key_for_ever_although_it_is_there() {
    let mut folder = Folder::start("odd", &["open", "secret"]).await;
    let path = "keyprefix:odd?token";
    let fixture = &folder.acl.fixture;
    let list = folder.list_without("secret", 1_000_000);
    fixture
        .proxy
        .inject(Rule::always(list).for_target("recurse"));
    let status = fixture.until_retrying(path, FailureClass::Transient).await;
    assert!(status.state.to_string().contains("it exists"), "{status}");
    folder.feed.has_nothing("no key was deleted");
    fixture.proxy.pass();
    folder.put("open", "2");
    folder.says(&["updated /open=1→2"]).await;
}

/// Without a proof, every key keeps its value, and all other changes are delivered.
#[actix_rt::test]
async fn a_proof_that_fails() {
    let mut folder = Folder::start("unproven", &["gone", "open", "secret"]).await;
    let path = "keyprefix:unproven?token";
    let mut last = 1;
    for fault in [
        ResponseFault::status(500, "rpc error making call: No cluster leader"),
        ResponseFault::status(403, "ACL not found"),
        ResponseFault::status(429, "slow down"),
        ResponseFault::status(200, r#"{"Results":[],"Errors":null}"#),
        ResponseFault::status(409, "{}"),
        ResponseFault::status(409, "[]"),
        ResponseFault::html(200, "<html>Sign in</html>"),
    ] {
        let what = format!("{fault:?}");
        let proxy = &folder.acl.fixture.proxy;
        proxy.inject(Rule::always(fault).for_target("/v1/txn"));
        folder.acl.fixture.agent.delete("unproven/gone");
        folder.put("open", &(last + 1).to_string());
        last += 1;
        let update = format!("updated /open={}→{last}", last - 1);
        folder.says(&[&update]).await;
        folder.acl.fixture.until_failing(path).await;
        folder.feed.has_nothing(&what);
        folder.acl.fixture.proxy.pass();
        folder.says(&["removed /gone=1"]).await;
        folder.acl.fixture.until_live(path).await;
        folder.put("gone", "1");
        folder.says(&["added /gone=1"]).await;
    }
}

/// Nothing answers the proof, and no time limit ends it: what the list says besides is delivered.
#[actix_rt::test]
async fn a_proof_that_is_not_answered_holds_nothing_back() {
    let patient = |config: ConsulConfig, token: &str| {
        config
            .with_token(token)
            .with_request_timeout(Duration::from_secs(3_600))
    };
    let mut folder = Folder::of(Acl::of(patient), "silent", &["open", "secret"]).await;
    let list = folder.list(1_000_000, |list| {
        list.retain(|pair| pair["Key"] != "silent/secret");
        list[0]["Value"] = Value::from("Mg==");
        list[0]["ModifyIndex"] = Value::from(1_000_000);
    });
    let proxy = &folder.acl.fixture.proxy;
    proxy.inject(Rule::always(ResponseFault::stall_after_headers()).for_target("/v1/txn"));
    proxy.inject(Rule::next(1, list).for_target("recurse"));
    folder.says(&["updated /open=1→2"]).await;
}

/// Behind a proxy that forwards reads only, each key is read by name.
#[actix_rt::test]
async fn a_proxy_that_lets_no_transaction_through() {
    let mut folder = Folder::start("readonly", &["gone", "open", "secret"]).await;
    for fault in [
        ResponseFault::status(405, "only GET"),
        ResponseFault::html(404, "<html>Not found</html>"),
        ResponseFault::html(403, "<html>Forbidden</html>"),
        ResponseFault::status(501, ""),
    ] {
        let proxy = &folder.acl.fixture.proxy;
        proxy.inject(Rule::always(fault).for_target("/v1/txn"));
        folder.acl.fixture.agent.delete("readonly/gone");
        folder.says(&["removed /gone=1"]).await;
        folder.put("gone", "1");
        folder.says(&["added /gone=1"]).await;
        folder.acl.fixture.proxy.pass();
    }
    let blocked = ResponseFault::status(405, "only GET");
    let rule = Rule::always(blocked).for_target("/v1/txn");
    folder.acl.fixture.proxy.inject(rule);
    folder.hide().await;
    folder.acl.fixture.agent.delete("readonly/gone");
    folder.says(&["removed /gone=1"]).await;
    folder.show();
    folder.put("secret", "2");
    folder.says(&["updated /secret=1→2"]).await;
}

/// A hidden key of a decoded folder is a field that keeps its value.
#[actix_rt::test]
async fn a_hidden_key_of_a_decoded_folder() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Web {
        #[serde(default)]
        open: u32,
        #[serde(default)]
        secret: u32,
    }
    let mut folder = Folder::start("decoded", &["ignored", "open", "secret"]).await;
    let fixture = &folder.acl.fixture;
    // Another consistency, so that it has a query of its own.
    let query = KeyPrefix::new("decoded")
        .with_token(folder.acl.secret.as_str())
        .with_consistency(Consistency::Consistent);
    let mut web = fixture.watch(query.decode::<Web>()).await;
    let first = web.next("the first value").await;
    assert_eq!((first.current.open, first.current.secret), (1, 1));
    folder.hide().await;
    // Further answers without the key add no warning.
    let lists = || folder.requests("GET", "/v1/kv/decoded/?recurse");
    let asked = lists();
    eventually_async(DEADLINE, "further answers", || lists() > asked + 4).await;
    let mut lines = log_capture::captured("path=keyprefix:decoded/?consistent");
    lines.retain(|line| line.level == tracing::Level::WARN);
    assert_eq!(lines.len(), 1, "{lines:?}");
    folder.put("open", "2");
    let next = web.next("an update").await;
    assert_eq!((next.current.open, next.current.secret), (2, 1));
    folder.acl.fixture.agent.delete("decoded/ignored");
    folder.show();
    folder.put("secret", "3");
    let next = web.next("an update").await;
    assert_eq!((next.current.open, next.current.secret), (2, 3));
    folder
        .feed
        .until("the same of the keys", |changed| {
            changed
                .current
                .iter()
                .all(|pair| pair.hidden_since.is_none())
                && changed.current.len() == 2
        })
        .await;
}

/// Restored rights wake no query, so queries are short while a key is hidden.
#[actix_rt::test]
async fn the_wait_is_short_while_a_key_is_hidden() {
    log_capture::capture();
    let acl = Acl::start();
    acl.policy("all", r#"key_prefix "wait/" { policy = "read" }"#);
    acl.policy("open", r#"key "wait/open" { policy = "read" }"#);
    acl.allow(&["all"]);
    let (agent, proxy) = (&acl.fixture.agent, &acl.fixture.proxy);
    agent.put("wait/open", "1");
    agent.put("wait/secret", "1");
    let hour = std::time::Duration::from_secs(3600);
    let query = KeyPrefix::new("wait")
        .with_token(acl.secret.as_str())
        .with_wait(hour);
    let mut feed = acl.fixture.watch(query).await;
    feed.says(&["added wait/open=1", "added wait/secret=1"])
        .await;
    acl.allow(&["open"]);
    // A query has the rights of its beginning.
    for turn in 2..=3 {
        agent.put("wait/open", turn.to_string());
        let update = format!("updated wait/open={}→{turn}", turn - 1);
        feed.says(&[&update]).await;
    }
    let short = |target: &str| target.contains("/v1/kv/wait") && target.contains("wait=1000ms");
    eventually_async(DEADLINE, "a query with a short wait", || {
        let seen = proxy.requests();
        seen.iter().any(|request| short(&request.target))
    })
    .await;
    agent.put("wait/secret", "2");
    acl.allow(&["all"]);
    feed.says(&["updated wait/secret=1→2"]).await;
}

/// A key that cannot be part of a URL is looked up in a list.
#[actix_rt::test]
async fn a_hidden_key_that_no_url_can_name() {
    let acl = Acl::start();
    acl.policy("all", r#"key_prefix "odd/" { policy = "read" }"#);
    acl.policy("but", r#"key_prefix "odd/b" { policy = "read" }"#);
    acl.allow(&["all"]);
    let fixture = &acl.fixture;
    fixture.agent.put("odd/b", "1");
    fixture.agent.put("odd//a", "1");
    let query = Key::new("odd//a").with_token(acl.secret.as_str());
    let mut feed = fixture.watch(query).await;
    feed.says(&["added odd//a=1"]).await;
    acl.allow(&["but"]);
    let path = "key:odd//a?token";
    fixture.until_retrying(path, FailureClass::Denied).await;
    feed.has_nothing("it was not deleted");
    acl.allow(&["all"]);
    fixture.until_live(path).await;
    feed.has_nothing("it did not change");
    fixture.agent.put("odd//a", "2");
    feed.says(&["updated odd//a=1→2"]).await;
    fixture.agent.delete("odd//a");
    feed.says(&["removed odd//a=2"]).await;
}
