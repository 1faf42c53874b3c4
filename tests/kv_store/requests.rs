//! Requests of the store: consistency, rights, and long polls beside short calls.

use std::time::Duration;

use consul_watch::{
    client::{ClientError, Consistency, ConsulClient, Cursor, KeyPath, QueryRequest},
    kv::{KvError, KvPair, KvStore},
};
use consul_watch_harness::TestAgent;

use crate::config;

#[actix_rt::test]
async fn every_consistency_is_accepted() {
    let agent = TestAgent::dev();
    agent.put("kvTest/k", b"v");
    for consistency in [
        Consistency::Default,
        Consistency::Consistent,
        Consistency::Stale { max_stale: None },
        Consistency::Stale {
            max_stale: Some(Duration::from_secs(5)),
        },
    ] {
        let config = config(&agent)
            .with_prefix("kvTest")
            .with_consistency(consistency);
        let kv = KvStore::connect(&config).expect("a store");
        kv.get("k")
            .await
            .unwrap_or_else(|error| panic!("{consistency:?}: {error}"));
        kv.get_nearest("k")
            .await
            .unwrap_or_else(|error| panic!("{consistency:?}: {error}"));
        assert!(
            kv.get_nearest("a/b/c")
                .await
                .expect_err("none")
                .is_not_found(),
            "{consistency:?}"
        );
        kv.put("w", "v")
            .await
            .unwrap_or_else(|error| panic!("{consistency:?}: {error}"));
    }
}

#[actix_rt::test]
async fn a_token_without_rights_is_denied_and_proves_no_absence() {
    let acl =
        r#"acl { enabled = true default_policy = "deny" tokens { master = "the-master-token" } }"#;
    let agent = TestAgent::builder()
        .dev()
        .config(acl)
        .token("the-master-token")
        .start();
    agent.put("kvTest/k", b"v");
    let config = config(&agent).with_prefix("kvTest");

    let stranger = KvStore::connect(&config).expect("a store");
    for error in [
        stranger.get("k").await.map(drop),
        stranger.get_nearest("k/a/b").await.map(drop),
        stranger.put("k", "x").await,
        stranger.put("k//x", "x").await,
        stranger.delete("k").await,
        stranger.delete_tree("k").await,
    ] {
        let error = error.expect_err("denied");
        let denied = matches!(
            &error,
            KvError::Client(ClientError::Denied { .. }) | KvError::Denied { .. }
        );
        assert!(denied, "{error:?}");
    }
    let wrong = KvStore::connect(&config.clone().with_token("wrong-token")).expect("a store");
    let error = wrong.get("k").await.expect_err("no such token");
    assert!(
        matches!(&error, KvError::Client(ClientError::Denied { .. })),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?} {wrong:?}").contains("wrong-token"));

    let known = KvStore::connect(&config.with_token("the-master-token")).expect("a store");
    assert_eq!(
        known
            .get("k")
            .await
            .expect("allowed")
            .to_value()
            .as_str()
            .expect("text"),
        "v"
    );
}

#[actix_rt::test]
async fn a_blocking_query_waits_for_the_change_and_delays_no_short_call() {
    let agent = TestAgent::dev();
    agent.put("k", b"one");
    let client =
        ConsulClient::new(&config(&agent).with_wait(Duration::from_secs(20))).expect("a client");
    let kv = KvStore::new(client.clone());
    let request =
        QueryRequest::new(KeyPath::of_key("k").expect("a key").path().to_owned()).accept_404(true);
    let first = client.blocking_query(&request).await.expect("at once");
    let index = first.index.expect("an index");
    let waiting = {
        let (client, request) = (
            client.clone(),
            request.clone().with_cursor(Cursor::Index(index)),
        );
        actix_rt::spawn(async move { client.blocking_query(&request).await })
    };
    kv.put("other", "x").await.expect("put");
    assert!(!waiting.is_finished(), "woken by another key");
    kv.put("k", "two").await.expect("put");
    let second = waiting.await.expect("not aborted").expect("an answer");
    assert!(second.index.expect("an index") > index);
    let pairs: Vec<KvPair> = second.json().expect("pairs");
    assert_eq!(pairs[0].to_value().as_str().expect("text"), "two");

    // A deleted key is an answer with an index, from which the next query waits.
    kv.delete("k").await.expect("deleted");
    let gone = client.blocking_query(&request).await.expect("an answer");
    assert!(!gone.found && gone.index.is_some_and(|gone| gone > index));
    // A wait that passes without a change is an answer, too.
    let brief = request.with_cursor(Cursor::Index(gone.index.expect("an index")));
    let same = client
        .blocking_query(&brief.with_wait(Duration::from_millis(50)))
        .await
        .expect("an answer");
    assert_eq!((same.found, same.index), (false, gone.index));
}
