//! Folders, and fields in the JSON of the nearest key.

use consul_watch::kv::{KvError, KvStore};
use consul_watch_harness::TestAgent;
use serde_json::json;

use crate::{config, names, store};

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
    // The prefix itself is above no key.
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
async fn a_folder_is_a_key_and_the_keys_inside() {
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
        names(kv.list("test/").await.expect("the keys inside")),
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
    kv.delete_tree("").await.expect("all under the prefix");
    assert!(kv.keys("").await.expect("keys").is_empty());
    assert!(agent.get("outside/test/x").is_some());

    let whole = KvStore::connect(&config(&agent)).expect("a store");
    assert!(matches!(
        whole.delete_tree("").await,
        Err(KvError::WholeStore)
    ));
    assert!(agent.get("outside/test/x").is_some());
}
