//! Removals of keys under a root: the root's query proves them once for all watches that share it.

use std::collections::BTreeMap;

use consul_watch::{Key, KeyPrefix, KeySet};
use consul_watch_harness::{Canned, Fixture, ResponseFault, Rule};

const KEYS: usize = 130;

/// The number of keys that one transaction proves.
const PER_TRANSACTION: usize = 64;

#[actix::test]
async fn keys_that_go_at_once_are_proven_once_for_all_that_watch_them() {
    let fixture = Fixture::dev().with_root(KeyPrefix::new("app"));
    let keys: Vec<String> = (0..KEYS).map(|n| format!("app/d/{n:03}")).collect();
    for key in &keys {
        fixture.agent.put(key, "1");
    }
    fixture.agent.put("app/stays", "1");
    let mut feeds = Vec::new();
    for key in &keys {
        feeds.push(fixture.watch(Key::new(key)).await);
    }
    let mut folder = fixture.watch(KeyPrefix::new("app/d")).await;
    let decoded = KeyPrefix::new("app/d").decode::<BTreeMap<String, u8>>();
    let mut decoded = fixture.watch(decoded).await;
    let mut json = fixture.watch(Key::new(&keys[7]).json::<u8>()).await;
    let set = KeySet::new()
        .prefix(KeyPrefix::new("app/d/00"))
        .key(Key::new(&keys[9]))
        .key(Key::new("app/stays"));
    let mut set = fixture.watch(set).await;
    let mut stays = fixture.watch(Key::new("app/stays")).await;
    for feed in &mut feeds {
        feed.next("the first value").await;
    }
    assert_eq!(folder.next("the folder").await.current.len(), KEYS);
    assert_eq!(decoded.next("the struct").await.current.len(), KEYS);
    json.next("the number").await;
    set.says(&["added app/d/009=1", "added app/stays=1"]).await;
    stays.next("the first value").await;
    fixture.ready().await;
    let before = fixture.proxy.requests().len();

    fixture.agent.delete_tree("app/d/");
    for (key, feed) in keys.iter().zip(&mut feeds) {
        feed.says(&[&format!("removed {key}=1")]).await;
    }
    assert!(folder.next("an empty folder").await.current.is_empty());
    assert!(decoded.next("an empty struct").await.current.is_empty());
    assert!(json.next("no number").await.current.is_none());
    set.says(&["removed app/d/009=1"]).await;
    stays.has_nothing("it did not change");

    let seen = fixture.proxy.requests().split_off(before);
    let targets: Vec<_> = seen.iter().map(|request| &*request.target).collect();
    let count = |fits: &dyn Fn(&str) -> bool| targets.iter().filter(|it| fits(it)).count();
    let transactions = count(&|target| target.starts_with("/v1/txn"));
    assert_eq!(transactions, KEYS.div_ceil(PER_TRANSACTION), "{targets:?}");
    let held = count(&|target| target.contains("index="));
    assert!(targets.len() - held - transactions <= 1, "{targets:?}");
    assert_eq!(count(&|target| target.contains("/app/d")), 0, "{targets:?}");
}

#[actix::test]
async fn a_proven_removal_needs_no_query_of_the_key() {
    let fixture = Fixture::dev().with_root(KeyPrefix::new("app"));
    fixture.agent.put("app/a", "1");
    let mut a = fixture.watch(Key::new("app/a")).await;
    a.says(&["added app/a=1"]).await;
    let denied = ResponseFault::Replace(Canned::new(403, "Permission denied"));
    fixture
        .proxy
        .inject(Rule::always(denied).for_target("/v1/kv/app/a"));
    for turn in 1..4 {
        fixture.agent.delete("app/a");
        a.says(&[&format!("removed app/a={turn}")]).await;
        fixture.agent.put("app/a", (turn + 1).to_string());
        a.says(&[&format!("added app/a={}", turn + 1)]).await;
    }
    fixture.until_live("key:app/a").await;
}

/// The query of the key is refused, so its watch has no state: that of the root would be a guess.
#[actix::test]
async fn a_name_that_consul_refuses_is_an_error_at_once_under_a_root_too() {
    const NAMES: [(&str, &str); 3] = [
        ("app/x ", "/v1/kv/app/x%20"),
        ("app/a%20b", "/v1/kv/app/a%2520b"),
        ("app/%2e%2e", "/v1/kv/app/%252e%252e"),
    ];
    let fixture = Fixture::dev().with_root(KeyPrefix::new(""));
    for (name, path) in NAMES {
        fixture.agent.put(name, "1");
        let text = "invalid key name, leading/trailing spaces are not allowed";
        let refusal = ResponseFault::status(500, text);
        fixture.proxy.inject(Rule::always(refusal).for_target(path));
    }
    let mut root = fixture.watch(KeyPrefix::new("")).await;
    assert_eq!(root.next("all keys").await.current.len(), NAMES.len());
    for (name, _) in NAMES {
        let mut key = fixture.watch(Key::new(name)).await;
        let mut json = fixture.watch(Key::new(name).json::<u8>()).await;
        let mut prefix = fixture.watch(KeyPrefix::new(name)).await;
        let paths = [
            format!("key:{name}"),
            format!("key:{name}?json"),
            format!("keyprefix:{name}"),
        ];
        for path in &paths {
            let says_so =
                |status: &consul_watch::WatchStatus| status.to_string().contains("rename the key");
            fixture.until(path, "an error of the name", says_so).await;
        }
        key.has_nothing("an error is no value");
        json.has_nothing("an error is no value");
        prefix.has_nothing("an error is no value");
    }
    let (name, _) = NAMES[0];
    fixture.agent.put(name, "2");
    root.says(&[&format!("updated {name}=1→2")]).await;
}
