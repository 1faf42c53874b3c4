//! A token's file may get another token while watches run.

use std::fs;

use consul_watch::{ConsulConfig, FailureClass, KvStore};
use consul_watch_harness::{
    TestAgent,
    fixture::{supervisor, until},
};

use crate::values::Values;

const MASTER: &str = "the-master-token";

fn agent() -> TestAgent {
    let acl = format!(
        r#"acl {{ enabled = true default_policy = "deny" tokens {{ master = "{MASTER}" }} }}"#
    );
    TestAgent::builder().dev().config(acl).token(MASTER).start()
}

/// A token with all rights: its accessor and its secret.
fn token(agent: &TestAgent) -> (String, String) {
    let body = br#"{"Policies": [{"Name": "global-management"}]}"#;
    let reply = agent.request("PUT", "/v1/acl/token", &[], body);
    let made: serde_json::Value = serde_json::from_str(&reply.text()).expect("JSON");
    let text = |name: &str| made[name].as_str().expect(name).to_owned();
    (text("AccessorID"), text("SecretID"))
}

#[actix_rt::test]
async fn a_rotated_token_is_found_without_a_restart() {
    let agent = agent();
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("token");
    let (first, secret) = token(&agent);
    fs::write(&file, secret).expect("written");
    let config = ConsulConfig::default()
        .with_address(agent.url())
        .expect("an address")
        .with_token_file(&file);
    let store = KvStore::connect(&config).expect("a client");
    let watches = supervisor(&config);
    let mut values = Values::start();
    values.watch(&watches, "rotated/a").await;
    assert_eq!(values.next("the first state").await, None);

    // The new token is in the file before the old one is deleted: nothing fails.
    let (second, secret) = token(&agent);
    fs::write(&file, format!("{secret}\n")).expect("written");
    agent.request("DELETE", &format!("/v1/acl/token/{first}"), &[], b"");
    store
        .put("rotated/a", "1")
        .await
        .expect("the call is sent again with the new token");
    assert_eq!(values.next("a change").await.as_deref(), Some("1"));

    // The old token is deleted first: the watch is denied until the file has the new one, and then continues.
    agent.request("DELETE", &format!("/v1/acl/token/{second}"), &[], b"");
    agent.put("rotated/a", "2");
    until(&watches, "rotated/a", "a denial", |status| {
        status
            .state
            .error()
            .is_some_and(|error| error.class() == FailureClass::Denied)
    })
    .await;
    fs::write(&file, token(&agent).1).expect("written");
    until(&watches, "rotated/a", "that it is live", |status| {
        status.state.is_live()
    })
    .await;
    agent.put("rotated/a", "3");
    // Consul may have answered with the change before it looked up the token again: it comes once in any case.
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "3") {
        seen.push(
            values
                .next("what changed meanwhile")
                .await
                .expect("a denied key is not a deleted one"),
        );
    }
    assert!(seen == ["2", "3"] || seen == ["3"], "{seen:?}");
    until(&watches, "rotated/a", "that it is live", |status| {
        status.state.is_live()
    })
    .await;
    values.has_nothing();
}

#[actix_rt::test]
async fn a_token_file_that_is_empty_for_a_while_keeps_the_last_token() {
    let agent = agent();
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("token");
    let (accessor, secret) = token(&agent);
    fs::write(&file, &secret).expect("written");
    let config = ConsulConfig::default()
        .with_address(agent.url())
        .expect("an address")
        .with_token_file(&file);
    let store = KvStore::connect(&config).expect("a client");
    store.put("emptied/a", "1").await.expect("it may write");
    fs::write(&file, "").expect("written");
    // One that is made now has it too.
    let watches = supervisor(&config);
    let mut values = Values::start();
    values.watch(&watches, "emptied/a").await;
    assert_eq!(values.next("the value").await.as_deref(), Some("1"));
    store.put("emptied/a", "2").await.expect("it still may");
    assert_eq!(values.next("a change").await.as_deref(), Some("2"));

    // A denied token is replaced as soon as the file has another one.
    let (_, next) = token(&agent);
    agent.request("DELETE", &format!("/v1/acl/token/{accessor}"), &[], b"");
    store.put("emptied/a", "3").await.expect_err("it is denied");
    fs::write(&file, next).expect("written");
    store.put("emptied/a", "4").await.expect("it may again");
}
