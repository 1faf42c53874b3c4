use super::*;
use consul_watch_actors::Query;

use crate::kv::Folder;

fn names(prefixes: &[KeyPrefix]) -> Vec<String> {
    prefixes
        .iter()
        .map(|prefix| prefix.path().to_string())
        .collect()
}

#[test]
fn the_wider_prefixes_of_a_key_contain_it() {
    let key = Key::new("a/ä/b");
    let wider = key.wider();
    assert_eq!(
        wider[..4],
        ["a/ä/b", "a/ä/", "a/ä", "a/"].map(KeyPrefix::new)
    );
    assert!(wider.contains(&KeyPrefix::new("")) && wider.contains(&KeyPrefix::raw("a/ä/b")));
    assert!(wider.contains(&KeyPrefix::raw("a")) && !wider.contains(&KeyPrefix::new("b")));
    for prefix in &wider {
        assert!(prefix.matcher(prefix.name())("a/ä/b"), "{}", prefix.path());
    }
}

#[test]
fn the_wider_prefixes_of_a_prefix_contain_all_of_its_keys() {
    for narrow in [
        KeyPrefix::new("a/b"),
        KeyPrefix::new("a/b/"),
        KeyPrefix::raw("a/b"),
        KeyPrefix::raw("a/b/"),
    ] {
        let wider = narrow.wider();
        assert!(!wider.contains(&narrow) && wider.contains(&KeyPrefix::new("a")));
        for prefix in wider {
            for key in ["a/b", "a/b/", "a/b/c", "a/bc", "a/b/c/d"] {
                if narrow.matcher(narrow.name())(key) {
                    assert!(
                        prefix.matcher(prefix.name())(key),
                        "{} in {}",
                        narrow.path(),
                        prefix.path()
                    );
                }
            }
        }
    }
}

#[test]
fn only_queries_with_the_same_options_are_shared() {
    let key = Key::new("a/b")
        .with_datacenter("east")
        .with_wait(std::time::Duration::from_secs(9));
    let names = names(&key.wider());
    assert!(
        names.iter().all(|name| name.contains("dc=east")),
        "{names:?}"
    );
    assert!(
        key.wider()
            .contains(&KeyPrefix::new("a").with_datacenter("east")),
        "the wait may differ"
    );
}

#[cfg(feature = "cli")]
#[test]
fn the_nearest_declared_root_serves_a_query() {
    let longest = "a".repeat(MAX_ROOT_LENGTH);
    let roots = [
        KeyPrefix::raw("app"),
        KeyPrefix::new("app/"),
        KeyPrefix::new("app/web/"),
        KeyPrefix::raw("conf/w"),
        KeyPrefix::raw(&longest),
    ];
    let key = |name: &str| nearest_root(&Key::new(name), &roots);
    let prefix = |name: &str| nearest_root(&KeyPrefix::raw(name), &roots);
    assert_eq!(
        [
            key("app/limits"),
            key("app/web/port"),
            key("apple"),
            key("conf/web")
        ],
        [1, 2, 0, 3].map(Some)
    );
    assert_eq!(
        [
            prefix("app/"),
            prefix("app/x/"),
            prefix("app"),
            prefix("app/web/")
        ],
        [1, 1, 0, 2].map(Some)
    );
    assert_eq!(
        [key(&format!("{longest}/x")), prefix(&format!("{longest}a"))],
        [4, 4].map(Some)
    );
    let others = [key("b"), key("/app/x"), prefix("conf/"), prefix("")];
    assert_eq!(others, [None; 4]);
    assert_eq!(
        nearest_root(&Key::new("app/x").with_token("t"), &roots),
        None
    );
    assert_eq!(nearest_root(&crate::Nodes::new(), &roots), None);
    let all = [KeyPrefix::new("")];
    for query in [
        &Key::new("/app/x") as &dyn Any,
        &KeyPrefix::raw(""),
        &KeyPrefix::raw("app"),
    ] {
        assert_eq!(nearest_root(query, &all), Some(0));
    }
}

#[test]
fn the_cost_of_a_giant_name_is_bounded() {
    assert!(Key::new("a/".repeat(50_000)).wider().len() < 2000);
}

#[test]
fn an_extract_contains_exactly_the_matching_pairs() {
    let pair = |key: &str, index: u64| {
        let text =
            format!(r#"{{"Key":"{key}","Value":null,"CreateIndex":1,"ModifyIndex":{index}}}"#);
        Arc::new(serde_json::from_str::<KvPair>(&text).unwrap())
    };
    let source = ConsulConfig::default().with_prefix("p");
    let keys = ["p/a", "p/a/", "p/a/b", "p/a-b", "p/ab", "p/b", "pa"];
    let mut whole: Vec<_> = keys
        .iter()
        .zip(1..)
        .map(|(key, index)| pair(key, index))
        .collect();
    whole.sort_by(|a, b| a.key.cmp(&b.key));
    for name in ["a", "a/", "b", "c", ""] {
        for query in [KeyPrefix::new(name), KeyPrefix::raw(name)] {
            let part = query.extract(&source, &whole, 99, None).unwrap();
            let Outcome::Value(found) = part.outcome else {
                panic!("a first value")
            };
            let folder = Folder::new(format!("p/{name}"));
            let wanted: Vec<_> = whole
                .iter()
                .filter(|pair| {
                    if query == KeyPrefix::raw(name) {
                        pair.key.starts_with(&format!("p/{name}"))
                    } else {
                        folder.has(&pair.key)
                    }
                })
                .cloned()
                .collect();
            assert_eq!(found, wanted, "{}", query.path());
            assert_eq!(
                part.index,
                wanted
                    .iter()
                    .map(|pair| pair.modify_index)
                    .max()
                    .unwrap_or(99)
            );
        }
    }
}

#[test]
fn missing_pairs_are_retained_and_all_others_are_as_they_are() {
    let pair = |key: &str, index: u64| {
        let text =
            format!(r#"{{"Key":"{key}","Value":null,"CreateIndex":1,"ModifyIndex":{index}}}"#);
        Arc::new(serde_json::from_str::<KvPair>(&text).unwrap())
    };
    let source = ConsulConfig::default();
    let before = vec![pair("a/b", 1), pair("a/c", 2)];
    let whole = vec![pair("a/a", 9), pair("a/c", 8), pair("b", 3)];
    let query = KeyPrefix::new("a");
    let part = query.extract_retaining(&source, &whole, 9, &before);
    let Outcome::Value(found) = part.unwrap().outcome else {
        panic!("another value")
    };
    let wanted = [&whole[0], &before[0], &whole[1]].map(Arc::clone);
    assert_eq!(found, wanted);
}

#[test]
fn missing_keys_are_confirmed_once() {
    let source = ConsulConfig::default();
    let none: Vec<Arc<KvPair>> = Vec::new();
    let key = Key::new("a");
    assert!(key.extract(&source, &none, 9, None).unwrap().confirm);
    assert!(!key.extract(&source, &none, 9, Some(&None)).unwrap().confirm);
    let prefix = KeyPrefix::new("a");
    let first = prefix.extract(&source, &none, 9, None).unwrap();
    assert!(first.confirm, "the root may hide all of the folder");
    let again = prefix.extract(&source, &none, 9, Some(&none)).unwrap();
    assert!(!again.confirm);
}
