//! Names of keys that Consul refuses in a URL since 1.21.5
//! (<https://github.com/hashicorp/consul/blob/main/CHANGELOG.md>): an error of the name, and no fault of a prefix.

use consul_watch::{Failure, Key, KeyPrefix, KvStore, client::ClientError, kv::KvError};
use consul_watch_harness::{Fixture, ResponseFault, Rule};

/// The name, and its path.
const NAME: &str = "app/x ";
const PATH: &str = "/v1/kv/app/x%20";
/// The answer of Consul 1.22.
const TEXT: &str = "invalid key name, leading/trailing spaces are not allowed";

/// An agent that refuses the name, whatever its release.
fn refusing() -> Fixture {
    let fixture = Fixture::dev();
    refuse(&fixture);
    fixture
}

fn refuse(fixture: &Fixture) {
    let refusal = ResponseFault::status(500, TEXT);
    fixture.proxy.inject(Rule::always(refusal).for_target(PATH));
}

fn is_about_the_name(error: &ClientError) -> bool {
    matches!(error, ClientError::KeyName { key, text, .. } if key == NAME && text == TEXT)
}

#[actix_rt::test]
async fn a_watch_of_such_a_name_says_so_at_once() {
    let fixture = refusing();
    let mut key = fixture.watch(Key::new(NAME)).await;
    let mut prefix = fixture.watch(KeyPrefix::new(NAME)).await;
    for path in ["key:app/x ", "keyprefix:app/x "] {
        let status = fixture
            .until(path, "an error of the name", |status| {
                let cause = status.state.error().map(Failure::cause);
                cause
                    .and_then(|cause| cause.downcast_ref())
                    .is_some_and(is_about_the_name)
            })
            .await;
        let text = status.state.to_string();
        assert!(
            text.contains(r#""app/x ""#) && text.contains("rename the key"),
            "{text}"
        );
    }
    key.has_nothing("an error is no value");
    prefix.has_nothing("an error is no value");
}

#[actix_rt::test]
async fn the_kv_store_says_so() {
    let fixture = refusing();
    let store = KvStore::connect(&fixture.config).expect("a client");
    let refused = |result: Result<(), KvError>| match result {
        Err(KvError::Client(error)) => assert!(is_about_the_name(&error), "{error}"),
        other => panic!("not refused: {other:?}"),
    };
    refused(store.get(NAME).await.map(drop));
    refused(store.get_opt(NAME).await.map(drop));
    refused(store.put(NAME, "1").await);
    refused(store.delete(NAME).await);
}

#[actix_rt::test]
async fn such_keys_of_a_prefix_come_change_and_go_as_any_other() {
    let fixture = refusing();
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.next("the first value").await;
    for name in [NAME, "app/a%20b", "app/a:b"] {
        // The harness writes such a key by a transaction.
        fixture.agent.put(name, "1");
        feed.says(&[&format!("added {name}=1")]).await;
        fixture.agent.put(name, "2");
        feed.says(&[&format!("updated {name}=1→2")]).await;
        fixture.agent.delete(name);
        feed.says(&[&format!("removed {name}=2")]).await;
    }
    fixture.agent.put("app/c", "1");
    feed.says(&["added app/c=1"]).await;
}

/// Without transactions nothing proves that such a key is gone: a list omits hidden keys, too.
#[actix_rt::test]
async fn behind_a_proxy_without_transactions_the_rest_of_the_prefix_goes_on() {
    let fixture = refusing();
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.next("the first value").await;
    fixture.agent.put(NAME, "1");
    feed.says(&[&format!("added {NAME}=1")]).await;
    let blocked = ResponseFault::status(405, "only GET");
    fixture
        .proxy
        .inject(Rule::always(blocked).for_target("/v1/txn"));
    fixture.agent.delete(NAME);
    for value in ["1", "2", "3"] {
        fixture.agent.put("app/c", value);
        let changed = feed.next("a change of another key").await;
        let found = changed.current.iter().find(|pair| pair.key == "app/c");
        assert_eq!(
            found.and_then(|pair| pair.value.as_deref()),
            Some(value.as_bytes())
        );
        let kept = changed.current.iter().any(|pair| pair.key == NAME);
        assert!(kept, "nothing proves that it is gone");
    }
    fixture.proxy.pass();
    refuse(&fixture);
    feed.says(&[&format!("removed {NAME}=1")]).await;
}
