//! A watch that fails, for whatever reason, harms no other, and recovers by itself without repeating anything.

use consul_watch::{FailureClass, Key, KeyPrefix, Reason, WatchState};
use consul_watch_harness::{ResponseFault, Rule, TestAgent};
use serde_json::{Value, json};

use crate::recorder::Feed;
use crate::stage::{Stage, impatient};

const MASTER: &str = "6a1253d2-1785-24fd-91c2-f8e78c745511";

/// An agent that denies what is not allowed, and a token that is allowed nothing yet.
pub(crate) struct Acl {
    pub(crate) stage: Stage,
    pub(crate) secret: String,
    accessor: String,
}

impl Acl {
    pub(crate) fn start() -> Self {
        let acl = format!(
            r#"acl {{ enabled = true default_policy = "deny" tokens {{ master = "{MASTER}" }} }}"#
        );
        let agent = TestAgent::builder().dev().config(acl).token(MASTER).start();
        // Consul asks for the rights only when a query begins, so waits are short.
        let stage = Stage::of(agent, |config| impatient(config).with_token(MASTER));
        let token = ask(
            &stage.agent,
            "/v1/acl/token",
            &json!({ "Description": "a watch's" }),
        );
        let text = |name: &str| token[name].as_str().expect(name).to_owned();
        Self {
            secret: text("SecretID"),
            accessor: text("AccessorID"),
            stage,
        }
    }

    pub(crate) fn policy(&self, name: &str, rules: &str) {
        ask(
            &self.stage.agent,
            "/v1/acl/policy",
            &json!({ "Name": name, "Rules": rules }),
        );
    }

    pub(crate) fn allow(&self, policies: &[&str]) {
        let policies: Vec<_> = policies
            .iter()
            .map(|name| json!({ "Name": name }))
            .collect();
        let target = format!("/v1/acl/token/{}", self.accessor);
        ask(
            &self.stage.agent,
            &target,
            &json!({ "AccessorID": self.accessor, "Policies": policies }),
        );
    }
}

fn ask(agent: &TestAgent, target: &str, body: &Value) -> Value {
    let reply = agent.request("PUT", target, &[], body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    serde_json::from_slice(&reply.body).expect("JSON")
}

async fn goes_on(stage: &Stage, well: &mut Feed<KeyPrefix>, old: &mut usize) {
    *old += 1;
    stage.agent.put("well/n", old.to_string());
    let update = format!("updated well/n={}→{old}", *old - 1);
    well.says(&[&update]).await;
}

#[actix_rt::test]
async fn a_token_without_rights() {
    let acl = Acl::start();
    let stage = &acl.stage;
    acl.policy("read", r#"key_prefix "shut" { policy = "read" }"#);
    stage.agent.put("well/n", "0");
    stage.agent.put("shut/a", "1");
    stage.agent.put("shut/b", "1");
    let mut well = stage.watch(KeyPrefix::new("well")).await;
    let mut shut = stage
        .watch(Key::new("shut/a").with_token(acl.secret.as_str()))
        .await;
    let mut turn = 0;
    well.says(&["added well/n=0"]).await;
    let status = stage
        .until_retrying("key:shut/a?token", FailureClass::Denied)
        .await;
    let told = status.state.to_string();
    assert!(
        told.contains("Permission denied") && !told.contains(&acl.secret),
        "{told}"
    );
    goes_on(stage, &mut well, &mut turn).await;
    shut.has_nothing("it may see nothing");

    acl.allow(&["read"]);
    assert_eq!(shut.says(&["added shut/a=1"]).await.reason, Reason::First);
    for _ in 0..2 {
        acl.allow(&[]);
        stage
            .until_retrying("key:shut/a?token", FailureClass::Denied)
            .await;
        goes_on(stage, &mut well, &mut turn).await;
        acl.allow(&["read"]);
        stage.until_live("key:shut/a?token").await;
    }
    stage.agent.put("shut/a", "2");
    shut.says(&["updated shut/a=1→2"]).await;

    acl.allow(&[]);
    stage
        .until_retrying("key:shut/a?token", FailureClass::Denied)
        .await;
    stage.agent.delete("shut/a");
    shut.has_nothing("it may see nothing");
    acl.allow(&["read"]);
    assert_eq!(
        shut.says(&["removed shut/a=2"]).await.reason,
        Reason::Resync
    );
}

/// Consul leaves out of a list what the token may not see, as if it were not there.
#[actix_rt::test]
async fn rights_that_are_taken_away_are_no_removal_of_keys() {
    let acl = Acl::start();
    let stage = &acl.stage;
    acl.policy("all", r#"key_prefix "app" { policy = "read" }"#);
    acl.policy("some", r#"key_prefix "app/a" { policy = "read" }"#);
    for key in ["app/a1", "app/a2", "app/b1"] {
        stage.agent.put(key, "1");
    }
    acl.allow(&["all"]);
    let mut feed = stage
        .watch(KeyPrefix::new("app").with_token(acl.secret.as_str()))
        .await;
    feed.says(&["added app/a1=1", "added app/a2=1", "added app/b1=1"])
        .await;
    for fewer in [&["some"][..], &[]] {
        acl.allow(fewer);
        stage.until_retrying("app", FailureClass::Denied).await;
        feed.has_nothing("no key was deleted");
        acl.allow(&["all"]);
        stage.until_live("app").await;
    }
    // What really goes is told, also to who may not see all there is.
    stage.agent.delete("app/b1");
    feed.says(&["removed app/b1=1"]).await;
    acl.allow(&["some"]);
    stage.agent.put("app/a1", "2");
    feed.says(&["updated app/a1=1→2"]).await;
    stage.agent.delete("app/a2");
    feed.says(&["removed app/a2=1"]).await;
}

#[actix_rt::test]
async fn a_value_beyond_the_limit() {
    let stage = Stage::of(TestAgent::dev(), |config| {
        config.with_max_body_size(64 * 1024)
    });
    stage.agent.put("well/n", "0");
    stage.agent.put("big/a", "small");
    let mut well = stage.watch(KeyPrefix::new("well")).await;
    let mut big = stage.watch(KeyPrefix::new("big")).await;
    let mut born_big = stage.watch(Key::new("big/b")).await;
    let mut turn = 0;
    well.says(&["added well/n=0"]).await;
    big.says(&["added big/a=small"]).await;
    assert!(born_big.next("the first delivery").await.current.is_none());

    stage.agent.put("big/b", vec![b'x'; 100 * 1024]);
    for path in ["big", "big/b"] {
        let status = stage.until_retrying(path, FailureClass::TooLarge).await;
        let told = status.state.to_string();
        assert!(
            told.contains("with_max_body_size"),
            "the error says how to raise it: {told}"
        );
    }
    goes_on(&stage, &mut well, &mut turn).await;
    big.has_nothing("its value is too large");

    stage.agent.delete("big/b");
    stage.until_live("big").await;
    stage.agent.put("big/a", "still small");
    big.says(&["updated big/a=small→still small"]).await;
    stage.until_live("big/b").await;
    stage.agent.put("big/b", "small");
    born_big.says(&["added big/b=small"]).await;
    goes_on(&stage, &mut well, &mut turn).await;
}

#[actix_rt::test]
async fn a_query_that_can_never_be_answered() {
    let stage = Stage::dev();
    stage.agent.put("well/n", "0");
    let mut well = stage.watch(KeyPrefix::new("well")).await;
    let mut never = stage.watch(Key::new("")).await;
    let mut nowhere = stage.watch(Key::new("k").with_datacenter("nowhere")).await;
    well.says(&["added well/n=0"]).await;
    let stopped = stage
        .until("key", "its end", |status| status.state.name() == "stopped")
        .await;
    assert!(stopped.state.to_string().contains("empty"), "{stopped}");
    stage
        .until("k", "a failure", |status| status.state.error().is_some())
        .await;
    let mut turn = 0;
    goes_on(&stage, &mut well, &mut turn).await;
    never.has_nothing("it has no answer");
    nowhere.has_nothing("it has no answer");
}

#[actix_rt::test]
async fn a_path_that_stalls_or_fails_for_ever() {
    let stage = Stage::of(TestAgent::dev(), impatient);
    stage
        .proxy
        .inject(Rule::always(ResponseFault::stall_after_headers()).for_target("/kv/stalls"));
    stage
        .proxy
        .inject(Rule::always(ResponseFault::status(500, "no")).for_target("/kv/fails"));
    stage.agent.put("well/n", "0");
    let mut stalls = stage.watch(Key::new("stalls")).await;
    let mut fails = stage.watch(Key::new("fails")).await;
    stage
        .agent
        .put("stalls", "a value, so that there is a body");
    let mut well = stage.watch(KeyPrefix::new("well")).await;
    well.says(&["added well/n=0"]).await;
    let several = |status: &consul_watch::WatchStatus| {
        matches!(status.state, WatchState::Retrying { attempt: 2.., .. })
    };
    stage.until("fails", "several attempts", several).await;
    stage.until("stalls", "several attempts", several).await;
    let mut turn = 0;
    for _ in 0..5 {
        goes_on(&stage, &mut well, &mut turn).await;
    }
    assert_eq!(stage.status("well").await.restarts, 0);
    fails.has_nothing("it has no answer");
    stage.proxy.pass();
    stage.proxy.cut(consul_watch_harness::Cut::Reset);
    fails.next("the first delivery").await;
    stalls
        .until("the value", |changed| changed.current.is_some())
        .await;
}
