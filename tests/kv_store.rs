//! The KV store does what consul-tool did, on a real agent: put, get, nearest ancestor, list, delete,
//! check-and-set, all beneath the prefix.

#![allow(clippy::expect_used, reason = "a test that cannot go on says so")]

use std::time::Duration;

use consul_watch::{
    client::{ClientError, Consistency, ConsulClient, ConsulConfig, Cursor, KeyPath, QueryRequest},
    kv::{KvError, KvPair, KvStore},
};
use consul_watch_harness::{TestAgent, eventually_some};
use serde_json::json;

fn config(agent: &TestAgent) -> ConsulConfig {
    ConsulConfig::default()
        .with_address(agent.url())
        .expect("the agent's address")
}

fn store(agent: &TestAgent) -> KvStore {
    KvStore::connect(&config(agent).with_prefix("kvTest")).expect("a store")
}

fn names(listing: impl IntoIterator<Item = KvPair>) -> Vec<String> {
    listing.into_iter().map(|pair| pair.key).collect()
}

#[actix_rt::test]
async fn what_is_put_is_read_as_it_was() {
    let agent = TestAgent::dev();
    let kv = store(&agent);

    kv.put("text", "hello").await.expect("text");
    kv.put("bytes", [0, 255, 10]).await.expect("bytes");
    kv.put("empty", "").await.expect("nothing");
    kv.put_json("json", &json!({ "a": [1, 2] }))
        .await
        .expect("JSON");
    kv.put_json("quoted", "hello").await.expect("a JSON string");

    assert_eq!(
        agent.get("kvTest/text").expect("beneath the prefix").0,
        b"hello"
    );
    assert_eq!(
        agent.get("kvTest/quoted").expect("with its quotes").0,
        b"\"hello\""
    );
    let text = kv.get("text").await.expect("text");
    assert_eq!(
        (text.key.as_str(), text.to_value().as_str().expect("text")),
        ("kvTest/text", "hello")
    );
    assert_eq!(kv.path_of(&text.key), Some("text"));
    assert_eq!(
        kv.get("bytes").await.expect("bytes").value.as_deref(),
        Some(&[0, 255, 10][..])
    );
    assert_eq!(kv.get("empty").await.expect("there").value, None);
    let numbers: serde_json::Value = kv
        .get("json")
        .await
        .expect("JSON")
        .to_value()
        .scan()
        .expect("JSON");
    assert_eq!(numbers, json!({ "a": [1, 2] }));
}

#[actix_rt::test]
async fn what_is_not_there_is_said() {
    let agent = TestAgent::dev();
    let kv = store(&agent);
    assert_eq!(kv.get_opt("none").await.expect("an answer"), None);
    let error = kv.get("none").await.expect_err("not there");
    assert!(
        error.is_not_found() && error.to_string().contains("kvTest/none"),
        "{error}"
    );
    let error = kv.get_nearest("none/of/this").await.expect_err("not there");
    assert!(
        matches!(
            error,
            KvError::KeyNotFound {
                ancestors: true,
                ..
            }
        ),
        "{error}"
    );
    for error in [
        kv.get("").await.map(drop),
        kv.put("", "x").await,
        kv.delete("").await,
    ] {
        assert!(matches!(error, Err(KvError::EmptyKey(_))), "{error:?}");
    }
    assert!(kv.list("none").await.expect("an answer").is_empty());
}

#[actix_rt::test]
async fn the_nearest_key_is_the_longest_one_above() {
    let agent = TestAgent::dev();
    let kv = store(&agent);
    kv.put_json("app", &json!({ "name": "outer", "db": { "port": 1 } }))
        .await
        .expect("put");
    kv.put_json(
        "app/db",
        &json!({ "port": 2, "hosts": ["one", { "name": "two" }] }),
    )
    .await
    .expect("put");
    // The prefix itself is not above anything.
    agent.put("kvTest", br#"{"app":{"x":1},"zoo":{"x":1}}"#);

    let at = async |path: &str| kv.get_nearest(path).await;
    assert_eq!(
        at("app/name")
            .await
            .expect("one above")
            .value
            .as_str()
            .expect("text"),
        "outer"
    );
    assert_eq!(
        at("app/db/port")
            .await
            .expect("the longer key")
            .value
            .as_u64()
            .expect("a number"),
        2
    );
    let deep = at("app/db/hosts/1/name").await.expect("deep inside");
    assert_eq!(deep.value.as_str().expect("text"), "two");
    assert_eq!(
        (deep.pair.key.as_str(), deep.field.as_str()),
        ("kvTest/app/db", "hosts/1/name")
    );
    let itself = at("app/db").await.expect("the key itself");
    assert_eq!(
        (itself.field.as_str(), itself.value.as_bytes()),
        ("", itself.pair.value.as_deref().expect("JSON"))
    );

    // The longest key counts, even where a shorter one has the field.
    let error = at("app/db/name").await.expect_err("not in the nearest");
    assert!(
        matches!(&error, KvError::FieldNotFound { key, .. } if key == "kvTest/app/db"),
        "{error}"
    );
    kv.put("app/db/raw", "not JSON").await.expect("put");
    let error = at("app/db/raw/x/y").await.expect_err("no fields in text");
    assert!(matches!(error, KvError::NotJson { .. }), "{error}");
    let error = at("zoo/x").await.expect_err("above is only the prefix");
    assert!(matches!(error, KvError::KeyNotFound { .. }), "{error}");

    // Deeper than a transaction is long.
    let deep = format!("app/{}", ["x"; 150].join("/"));
    let error = at(&deep).await.expect_err("no such field");
    assert!(
        matches!(&error, KvError::FieldNotFound { key, .. } if key == "kvTest/app"),
        "{error}"
    );
}

#[actix_rt::test]
async fn a_folder_is_a_key_and_what_is_beneath_it() {
    let agent = TestAgent::dev();
    let kv = store(&agent);
    for path in ["test", "test/a", "test/b/c", "test2", "test2/a", "other"] {
        kv.put(path, path).await.expect("put");
    }
    agent.put("outside/test/x", b"");

    let listing = kv.list("test").await.expect("a listing");
    assert!(listing.index().is_some_and(|index| index > 0) && !listing.filtered_by_acls());
    assert_eq!(
        names(listing),
        ["kvTest/test", "kvTest/test/a", "kvTest/test/b/c"]
    );
    assert_eq!(
        names(kv.list("test/").await.expect("beneath")),
        ["kvTest/test/a", "kvTest/test/b/c"]
    );
    assert_eq!(
        kv.keys("test2").await.expect("keys")[..],
        ["kvTest/test2", "kvTest/test2/a"]
    );
    assert_eq!(kv.list("").await.expect("all").len(), 6);

    kv.delete("test/a").await.expect("deleted");
    kv.delete("test/a").await.expect("again is no error");
    assert_eq!(kv.keys("test").await.expect("keys").len(), 2);
    kv.delete_tree("test").await.expect("deleted");
    assert_eq!(
        kv.keys("").await.expect("keys")[..],
        ["kvTest/other", "kvTest/test2", "kvTest/test2/a"]
    );
    kv.delete_tree("").await.expect("all beneath the prefix");
    assert!(kv.keys("").await.expect("keys").is_empty());
    assert!(agent.get("outside/test/x").is_some());

    let whole = KvStore::connect(&config(&agent)).expect("a store");
    assert!(matches!(
        whole.delete_tree("").await,
        Err(KvError::WholeStore)
    ));
    assert!(agent.get("outside/test/x").is_some());
}

#[actix_rt::test]
async fn check_and_set_loses_no_update() {
    let agent = TestAgent::dev();
    let kv = store(&agent);
    assert!(
        kv.put_cas("k", "one", 0).await.expect("an answer"),
        "there was none"
    );
    assert!(
        !kv.put_cas("k", "two", 0).await.expect("an answer"),
        "now there is"
    );
    let first = kv.get("k").await.expect("there");
    assert!(
        kv.put_cas("k", "two", first.modify_index)
            .await
            .expect("an answer")
    );
    assert!(
        !kv.put_cas("k", "three", first.modify_index)
            .await
            .expect("an answer"),
        "it has changed"
    );
    assert!(
        !kv.delete_cas("k", first.modify_index)
            .await
            .expect("an answer"),
        "it has changed"
    );
    let second = kv.get("k").await.expect("still there");
    assert_eq!(second.to_value().as_str().expect("text"), "two");
    assert_eq!(second.create_index, first.create_index);
    assert!(
        kv.delete_cas("k", second.modify_index)
            .await
            .expect("an answer")
    );
    assert_eq!(kv.get_opt("k").await.expect("an answer"), None);
}

#[actix_rt::test]
async fn large_values_pass_and_too_large_ones_are_refused_in_consuls_words() {
    let agent = TestAgent::dev();
    let kv = store(&agent);
    let most = vec![b'x'; 512 * 1024];
    kv.put("most", &most)
        .await
        .expect("as much as Consul takes");
    assert_eq!(
        kv.get("most").await.expect("there").value.as_deref(),
        Some(&most[..])
    );
    for size in [most.len() + 1, 20 * 1024 * 1024] {
        let error = kv
            .put("more", vec![b'x'; size])
            .await
            .expect_err("more than Consul takes");
        let KvError::ValueTooLarge { bytes, what, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*bytes, size);
        assert!(what.contains("kv_max_value_size"), "{what}");
    }
    assert_eq!(kv.get_opt("more").await.expect("an answer"), None);
}

#[actix_rt::test]
async fn every_consistency_is_taken() {
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
async fn a_pair_prints_as_consul_prints_it() {
    let agent = TestAgent::dev();
    let kv = store(&agent);
    kv.put("k", [0, 159, 146, 150]).await.expect("put");
    // A session needs the agent's node, which registers itself a moment after the first write is taken.
    let session = eventually_some(Duration::from_secs(20), "a session", || {
        let reply = agent.request("PUT", "/v1/session/create", &[], b"");
        serde_json::from_slice::<serde_json::Value>(&reply.body).ok()
    });
    let held = format!(
        "/v1/kv/kvTest/k?flags=42&acquire={}",
        session["ID"].as_str().expect("an id")
    );
    assert_eq!(agent.request("PUT", &held, &[], b"").text().trim(), "true");

    for key in ["kvTest/k", "kvTest/plain"] {
        agent.try_put("kvTest/plain", b"x").expect("put");
        let printed = agent
            .request("GET", &format!("/v1/kv/{key}"), &[], b"")
            .text();
        let ours: Vec<KvPair> = serde_json::from_str(&printed).expect("pairs");
        let compact: String = printed.chars().filter(|c| !c.is_whitespace()).collect();
        assert_eq!(serde_json::to_string(&ours).expect("JSON"), compact);
    }
}

#[actix_rt::test]
async fn a_token_without_rights_is_denied_and_not_told_that_nothing_is_there() {
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
async fn a_blocking_query_waits_for_the_change_and_no_short_call_waits_for_it() {
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

    // A deleted key is an answer with an index, to go on from.
    kv.delete("k").await.expect("deleted");
    let gone = client.blocking_query(&request).await.expect("an answer");
    assert!(!gone.found && gone.index.is_some_and(|gone| gone > index));
    // And a wait that passes without a change is one too.
    let brief = request.with_cursor(Cursor::Index(gone.index.expect("an index")));
    let same = client
        .blocking_query(&brief.with_wait(Duration::from_millis(50)))
        .await
        .expect("an answer");
    assert_eq!((same.found, same.index), (false, gone.index));
}
