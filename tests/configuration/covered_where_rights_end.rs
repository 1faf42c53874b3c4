//! What Consul's lists leave out for want of rights is not taken for gone, by those that a list serves either.

use consul_watch::{FailureClass, Key, KeyPrefix, Reason};
use consul_watch_harness::TestAgent;
use serde_json::{Value, json};

use crate::{
    covered_by_a_wider_prefix::rooted,
    stage::{Stage, impatient},
};

const MASTER: &str = "6a1253d2-1785-24fd-91c2-f8e78c745511";

/// An agent that denies what is not allowed, a token that may read by these rules, and a root for that token.
struct Rights {
    stage: Stage,
    policy: Value,
    secret: String,
}

impl Rights {
    fn start(rules: &str) -> Self {
        let acl = format!(
            r#"acl {{ enabled = true default_policy = "deny" tokens {{ master = "{MASTER}" }} }}"#
        );
        let agent = TestAgent::builder().dev().config(acl).token(MASTER).start();
        let policy = ask(
            &agent,
            "/v1/acl/policy",
            &json!({ "Name": "read", "Rules": rules }),
        );
        let token = ask(
            &agent,
            "/v1/acl/token",
            &json!({ "Policies": [{ "Name": "read" }] }),
        );
        let secret = token["SecretID"]
            .as_str()
            .expect("a token has a secret")
            .to_owned();
        // Consul asks for the rights only when a query begins, so waits are short.
        let stage = Stage::of(agent, |config| impatient(config).with_token(&*secret));
        Self {
            stage: rooted(stage, KeyPrefix::new("app")),
            policy,
            secret,
        }
    }

    fn change(&self, rules: &str) {
        let id = self.policy["ID"].as_str().expect("a policy has an id");
        let rules = json!({ "ID": id, "Name": "read", "Rules": rules });
        ask(&self.stage.agent, &format!("/v1/acl/policy/{id}"), &rules);
    }
}

fn ask(agent: &TestAgent, target: &str, body: &Value) -> Value {
    let reply = agent.request("PUT", target, &[], body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    serde_json::from_slice(&reply.body).expect("JSON")
}

const ALL: &str = r#"key_prefix "app/" { policy = "read" }"#;
const BUT_SECRET: &str =
    r#"key_prefix "app/" { policy = "read" } key "app/secret" { policy = "deny" }"#;

#[actix::test]
async fn a_key_that_the_list_leaves_out_is_asked_for_by_itself() {
    let rights = Rights::start(BUT_SECRET);
    let stage = &rights.stage;
    stage.agent.put("app/open", "1");
    stage.agent.put("app/secret", "1");
    let mut open = stage.watch(Key::new("app/open")).await;
    let mut secret = stage.watch(Key::new("app/secret")).await;
    let mut absent = stage.watch(Key::new("app/absent")).await;
    open.says(&["added app/open=1"]).await;
    assert!(absent.next("that it is not there").await.current.is_none());
    let status = stage
        .until_retrying("key:app/secret", FailureClass::Denied)
        .await;
    assert!(!format!("{status:?}").contains(&rights.secret));
    secret.has_nothing("it may not be seen");
    stage.agent.put("app/open", "2");
    open.says(&["updated app/open=1→2"]).await;
    rights.change(ALL);
    assert_eq!(
        secret.says(&["added app/secret=1"]).await.reason,
        Reason::First
    );
}

#[actix::test]
async fn rights_that_are_taken_away_are_no_removal() {
    let rights = Rights::start(ALL);
    let stage = &rights.stage;
    stage.agent.put("app/open", "1");
    stage.agent.put("app/secret", "1");
    let mut open = stage.watch(Key::new("app/open")).await;
    let mut secret = stage.watch(Key::new("app/secret")).await;
    open.says(&["added app/open=1"]).await;
    secret.says(&["added app/secret=1"]).await;
    rights.change(BUT_SECRET);
    stage
        .until_retrying("key:app/secret", FailureClass::Denied)
        .await;
    stage.agent.put("app/open", "2");
    open.says(&["updated app/open=1→2"]).await;
    stage.until_live("key:app/open").await;
    secret.has_nothing("it was not deleted");
    rights.change(ALL);
    stage.until_live("key:app/secret").await;
    secret.has_nothing("it did not change");
    stage.agent.delete("app/secret");
    secret.says(&["removed app/secret=1"]).await;
    open.has_nothing("it did not change");
}
