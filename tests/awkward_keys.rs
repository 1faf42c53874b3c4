//! Every key reaches Consul unchanged, whatever its name: in a URL where possible, otherwise in a transaction.

#![allow(clippy::expect_used, reason = "a test that cannot continue says so")]

use consul_watch::{
    client::{ConsulConfig, KeyPath},
    kv::{KvError, KvPair, KvStore},
};
use consul_watch_harness::TestAgent;

/// Spaces, URL and JSON syntax, dots, empty segments, control characters, many scripts.
const KEYS: &[&str] = &[
    "a b",
    " ",
    "a ",
    "a?b",
    "a#b",
    "a%b",
    "a%20b",
    "%2e%2e",
    "a+b",
    "a&b=c",
    "a;b",
    "a\\b",
    "a\"b",
    "a'b",
    "<a>",
    "a|b",
    "{}",
    "[]",
    "^`",
    "@:",
    "~-_.",
    "a/",
    "a//",
    "a//b",
    "a///b",
    "/lead",
    "/",
    "//",
    ".",
    "..",
    "./x",
    "../x",
    "a/./b",
    "a/../b",
    "a/..",
    "a/.",
    "...",
    ".a",
    "a..",
    "a/..b/.c",
    "é",
    "e\u{301}",
    "größe/straße",
    "中文/键",
    "ключ",
    "مفتاح",
    "😀",
    "a/😀/b",
    "\u{a0}",
    "\u{200b}",
    "\u{feff}x",
    "\u{202e}x",
    "a\nb",
    "a\tb",
    "a\rb",
    "\0",
    "a\0b",
    "\u{7f}",
    "\u{1b}[31m",
    "null",
    "v1/kv/a",
    "?recurse",
    "k?raw&index=1",
];

fn store(agent: &TestAgent, prefix: &str) -> KvStore {
    let config = ConsulConfig::default()
        .with_address(agent.url())
        .expect("the agent's address");
    KvStore::connect(&config.with_prefix(prefix)).expect("a store")
}

/// Returns the keys without those whose names this release of Consul refuses.
fn accepted(agent: &TestAgent, kv: &KvStore) -> Vec<&'static str> {
    let keys = KEYS.iter().copied();
    keys.filter(|path| !agent.refuses_name(&kv.key(path)))
        .collect()
}

fn text(pair: &KvPair) -> &[u8] {
    pair.value.as_deref().unwrap_or_default()
}

#[actix_rt::test]
async fn each_is_written_read_listed_and_deleted_by_its_own_name() {
    let agent = TestAgent::dev();
    for prefix in ["", "kv Test/ü"] {
        let kv = store(&agent, prefix);
        let keys = accepted(&agent, &kv);
        for path in &keys {
            kv.put(path, path)
                .await
                .unwrap_or_else(|error| panic!("put {path:?}: {error}"));
        }
        let mut expected: Vec<String> = keys.iter().map(|path| kv.key(path)).collect();
        expected.sort();
        let all = kv.keys("").await.expect("keys");
        let ours: Vec<String> = all
            .into_iter()
            .filter(|key| !key.starts_with("consul-watch-harness/"))
            .collect();
        assert_eq!(ours, expected, "what Consul has is what was put");

        for path in &keys {
            let pair = kv
                .get(path)
                .await
                .unwrap_or_else(|error| panic!("get {path:?}: {error}"));
            assert_eq!(
                (pair.key.as_str(), text(&pair)),
                (kv.key(path).as_str(), path.as_bytes())
            );
            let nearest = kv
                .get_nearest(path)
                .await
                .unwrap_or_else(|error| panic!("nearest {path:?}: {error}"));
            assert_eq!(nearest.pair, pair, "{path:?}");
            let listed = kv
                .list(path)
                .await
                .unwrap_or_else(|error| panic!("list {path:?}: {error}"));
            assert!(listed.contains(&pair), "{path:?} in {listed:?}");
        }
        for path in &keys {
            kv.delete(path)
                .await
                .unwrap_or_else(|error| panic!("delete {path:?}: {error}"));
            assert_eq!(kv.get_opt(path).await.expect("an answer"), None, "{path:?}");
        }
        let left = kv.keys("").await.expect("keys");
        assert!(
            left.iter()
                .all(|key| key.starts_with("consul-watch-harness/")),
            "{left:?}"
        );
    }
}

#[actix_rt::test]
async fn each_obeys_check_and_set() {
    let agent = TestAgent::dev();
    let kv = store(&agent, "cas");
    for path in accepted(&agent, &kv) {
        assert!(
            kv.put_cas(path, "1", 0)
                .await
                .unwrap_or_else(|error| panic!("{path:?}: {error}")),
            "{path:?}"
        );
        assert!(
            !kv.put_cas(path, "2", 0).await.expect("an answer"),
            "{path:?} is there"
        );
        let pair = kv.get(path).await.expect("there");
        assert!(
            kv.put_cas(path, "2", pair.modify_index)
                .await
                .expect("an answer"),
            "{path:?}"
        );
        assert!(
            !kv.delete_cas(path, pair.modify_index)
                .await
                .expect("an answer"),
            "{path:?} has changed"
        );
        let pair = kv.get(path).await.expect("there");
        assert!(
            kv.delete_cas(path, pair.modify_index)
                .await
                .expect("an answer"),
            "{path:?}"
        );
        assert!(
            kv.get(path).await.expect_err("gone").is_not_found(),
            "{path:?}"
        );
    }
}

#[actix_rt::test]
async fn folders_with_awkward_names_are_deleted_and_their_neighbours_are_not() {
    let agent = TestAgent::dev();
    let kv = store(&agent, "");
    for folder in ["a//b", "..", "x/./y", "/lead", "a b", "n\nl"] {
        for path in [
            folder.to_owned(),
            format!("{folder}/in"),
            format!("{folder}2"),
        ] {
            kv.put(&path, "v")
                .await
                .unwrap_or_else(|error| panic!("{path:?}: {error}"));
        }
        kv.delete_tree(folder)
            .await
            .unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        assert!(
            kv.keys(folder).await.expect("keys").is_empty(),
            "{folder:?}"
        );
        kv.get(&format!("{folder}2"))
            .await
            .unwrap_or_else(|error| panic!("{folder:?}2: {error}"));
    }
}

#[actix_rt::test]
async fn a_blocking_query_finds_each() {
    let agent = TestAgent::dev();
    let kv = store(&agent, "");
    for key in accepted(&agent, &kv) {
        kv.put(key, "v").await.expect("put");
        let way = KeyPath::of_key(key).expect("not empty");
        let how = if matches!(way, KeyPath::Direct(_)) {
            ""
        } else {
            "?recurse"
        };
        let reply = agent.request("GET", &format!("{}{how}", way.path()), &[], b"");
        assert_eq!(reply.status, 200, "{key:?} by {way:?}");
        let pairs: Vec<KvPair> = serde_json::from_slice(&reply.body).expect("pairs");
        assert!(
            pairs.iter().any(|pair| pair.key == *key),
            "{key:?} by {way:?}"
        );
        if how.is_empty() {
            assert_eq!(pairs.len(), 1, "{key:?} by {way:?}");
        }
    }
}

#[actix_rt::test]
async fn giant_keys_pass() {
    let agent = TestAgent::dev();
    let kv = store(&agent, "");
    for key in ["k".repeat(4000), "k".repeat(5000), "ü".repeat(32_000)] {
        kv.put(&key, "v")
            .await
            .unwrap_or_else(|error| panic!("{} bytes: {error}", key.len()));
        assert_eq!(kv.get(&key).await.expect("there").key, key);
        assert_eq!(kv.list(&key).await.expect("a listing").len(), 1);
        kv.delete(&key).await.expect("deleted");
    }
}

#[actix_rt::test]
async fn a_transaction_that_is_too_large_is_an_error_of_the_value() {
    let agent = TestAgent::dev();
    let kv = store(&agent, "");
    kv.put("a//b", vec![b'x'; 380 * 1024])
        .await
        .expect("within the limit of a transaction");
    let error = kv
        .put("a//b", vec![b'x'; 500 * 1024])
        .await
        .expect_err("beyond it");
    assert!(
        matches!(&error, KvError::ValueTooLarge { what, .. } if what.contains("txn_max_req_len")),
        "{error:?}"
    );
    assert_eq!(
        kv.get("a//b")
            .await
            .expect("the old one")
            .value
            .map(|value| value.len()),
        Some(380 * 1024)
    );
}
