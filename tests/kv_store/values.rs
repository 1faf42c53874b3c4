//! Values of keys: written, read, compared and limited.

use std::time::Duration;

use consul_watch::kv::{KvError, KvPair};
use consul_watch_harness::{TestAgent, eventually_some};
use serde_json::json;

use crate::store;

#[actix_rt::test]
async fn values_are_read_as_they_were_written() {
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
        agent.get("kvTest/text").expect("under the prefix").0,
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
async fn a_missing_key_is_an_error_of_its_own() {
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
async fn values_beyond_the_limit_are_refused_with_consuls_text() {
    let agent = TestAgent::dev();
    let kv = store(&agent);
    let most = vec![b'x'; 512 * 1024];
    kv.put("most", &most)
        .await
        .expect("as much as Consul accepts");
    assert_eq!(
        kv.get("most").await.expect("there").value.as_deref(),
        Some(&most[..])
    );
    for size in [most.len() + 1, 20 * 1024 * 1024] {
        let error = kv
            .put("more", vec![b'x'; size])
            .await
            .expect_err("more than Consul accepts");
        let KvError::ValueTooLarge { bytes, what, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*bytes, size);
        assert!(what.contains("kv_max_value_size"), "{what}");
    }
    assert_eq!(kv.get_opt("more").await.expect("an answer"), None);
}

#[actix_rt::test]
async fn the_json_of_a_pair_is_consuls() {
    let agent = TestAgent::dev();
    let kv = store(&agent);
    kv.put("k", [0, 159, 146, 150]).await.expect("put");
    // A session needs the agent's node, which registers a moment after the first write.
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
