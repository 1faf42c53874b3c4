//! Keys that a wider list leaves out for want of rights, seen by the watches that share its query.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use consul_watch::{FailureClass, Key, KeyPrefix, Reason, Status};
use consul_watch_harness::{Acl, DEADLINE, Fixture, eventually_async, log_capture};

/// An agent with a token that may read `FOLDER/`, by the policy `all`, or all of it but `FOLDER/secret`, by
/// the policy `but-secret`; a supervisor with that token and that root; and the keys `open` and `secret`.
fn start(folder: &str, policy: &str) -> Acl {
    log_capture::capture();
    let mut acl = Acl::of(|config, secret| config.with_token(secret));
    let all = format!(r#"key_prefix "{folder}/" {{ policy = "read" }}"#);
    let but_secret = format!(r#"{all} key "{folder}/secret" {{ policy = "deny" }}"#);
    acl.policy("all", &all);
    acl.policy("but-secret", &but_secret);
    acl.allow(&[policy]);
    acl.fixture.agent.put(&format!("{folder}/open"), "1");
    acl.fixture.agent.put(&format!("{folder}/secret"), "1");
    acl.fixture = acl.fixture.with_root(KeyPrefix::new(folder));
    acl
}

/// Waits until exactly these watches have hidden keys: each with the names of the keys.
async fn until_hidden(fixture: &Fixture, expected: &[String]) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let all = fixture.watches.send(Status::all()).await.unwrap();
        let hidden = all.iter().filter_map(|status| {
            let hidden = status.hidden.as_ref()?;
            Some(format!("{} {}", status.path, hidden.names.join(" ")))
        });
        let hidden: Vec<_> = hidden.collect();
        if hidden == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{hidden:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix::test]
async fn a_key_that_was_never_readable_has_its_own_query() {
    let acl = start("never", "but-secret");
    let fixture = &acl.fixture;
    let mut open = fixture.watch(Key::new("never/open")).await;
    let mut secret = fixture.watch(Key::new("never/secret")).await;
    let mut absent = fixture.watch(Key::new("never/absent")).await;
    open.says(&["added never/open=1"]).await;
    assert!(absent.next("that it is not there").await.current.is_none());
    let status = fixture
        .until_retrying("key:never/secret", FailureClass::Denied)
        .await;
    assert!(!format!("{status:?}").contains(&acl.secret));
    secret.has_nothing("it may not be seen");
    fixture.agent.put("never/open", "2");
    open.says(&["updated never/open=1→2"]).await;
    acl.allow(&["all"]);
    let first = secret.says(&["added never/secret=1"]).await;
    assert_eq!(first.reason, Reason::First);
}

#[actix::test]
async fn a_key_that_is_no_longer_readable_keeps_its_value_and_its_shared_query() {
    let acl = start("shared", "all");
    let fixture = &acl.fixture;
    let mut open = fixture.watch(Key::new("shared/open")).await;
    let mut secret = fixture.watch(Key::new("shared/secret")).await;
    let json = Key::new("shared/secret").json::<u8>();
    let mut json = fixture.watch(json).await;
    let folder = KeyPrefix::new("shared").decode::<BTreeMap<String, u8>>();
    let mut folder = fixture.watch(folder).await;
    open.says(&["added shared/open=1"]).await;
    secret.says(&["added shared/secret=1"]).await;
    json.next("the number").await;
    folder.next("the struct").await;
    until_hidden(fixture, &[]).await;
    acl.allow(&["but-secret"]);
    eventually_async(DEADLINE, "the warning of a hidden key", || {
        !log_capture::captured("keys=\"shared/secret\"").is_empty()
    })
    .await;
    for turn in 2..=6 {
        fixture.agent.put("shared/open", turn.to_string());
        let update = format!("updated shared/open={}→{turn}", turn - 1);
        open.says(&[&update]).await;
    }
    for path in ["key:shared/open", "key:shared/secret"] {
        assert!(fixture.status(path).await.state.is_live(), "{path}");
    }
    secret.has_nothing("it was not deleted");
    json.has_nothing("nor did it change");
    let by = |path: &str| format!("{path} shared/secret");
    let paths = [
        "key:shared/secret",
        "key:shared/secret?json",
        "keyprefix:shared",
    ];
    let mut named: Vec<_> = paths.map(by).into();
    named.push(by("keyprefix:shared/?decode"));
    until_hidden(fixture, &named).await;
    let own = |target: &str| target.contains("/v1/kv/shared/secret");
    let seen = fixture.proxy.requests();
    assert!(
        !seen.iter().any(|request| own(&request.target)),
        "the shared query serves both"
    );
    acl.allow(&["all"]);
    fixture.agent.put("shared/secret", "2");
    secret.says(&["updated shared/secret=1→2"]).await;
    json.next("the other number").await;
    until_hidden(fixture, &[]).await;
    fixture.agent.delete("shared/secret");
    secret.says(&["removed shared/secret=2"]).await;
    open.has_nothing("it did not change");
}
