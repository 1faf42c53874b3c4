//! Large prefixes, and values of Consul's greatest size, can be watched.

use std::sync::Arc;

use consul_watch::{Key, KeyPrefix};
use consul_watch_harness::{Fixture, state};

/// Consul's default limit of a value.
const LARGEST: usize = 512 * 1024;

#[actix_rt::test]
async fn a_prefix_of_a_mebibyte() {
    let fixture = Fixture::dev();
    let value = |number: usize| format!("{number:04}").repeat(256);
    for number in 0..1024 {
        fixture
            .agent
            .put(&format!("app/{number:04}"), value(number));
    }
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    let first = feed.next("a mebibyte").await;
    assert_eq!((first.current.len(), first.changes().len()), (1024, 1024));
    let whole: usize = state(&*first.current).values().map(Vec::len).sum();
    assert_eq!(whole, 1024 * 1024);

    fixture.agent.put("app/0512", "changed");
    let changed = feed.says(&["updated app/0512=(1024 bytes)→changed"]).await;
    let previous = changed.previous.as_ref().expect("what was before");
    let shared = changed
        .current
        .iter()
        .zip(previous.iter())
        .filter(|(new, old)| Arc::ptr_eq(new, old));
    assert_eq!(
        shared.count(),
        1023,
        "what did not change is shared with the state before"
    );

    fixture.agent.delete_tree("app");
    let all = feed
        .until("the empty prefix", |changed| changed.current.is_empty())
        .await;
    assert_eq!(
        all.iter()
            .map(|changed| changed.changes().len())
            .sum::<usize>(),
        1024
    );
}

#[actix_rt::test]
async fn values_of_the_greatest_size() {
    let fixture = Fixture::dev();
    let one = vec![b'1'; LARGEST];
    // All bytes, none of them text.
    let two: Vec<u8> = (0..LARGEST)
        .map(|at| u8::try_from(at % 256).expect("a byte"))
        .collect();
    fixture.agent.put("app/a", &one);
    let mut key = fixture.watch(Key::new("app/a")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
    assert_eq!(state(&*key.next("the value").await.current)["app/a"], one);
    prefix.next("the value").await;
    fixture.agent.put("app/a", &two);
    assert_eq!(
        state(&*key.next("the other value").await.current)["app/a"],
        two
    );
    assert_eq!(
        state(&*prefix.next("the other value").await.current)["app/a"],
        two
    );
    for name in ["app/b", "app/c", "app/d"] {
        fixture.agent.put(name, &one);
    }
    prefix
        .until("four large values", |changed| changed.current.len() == 4)
        .await;
    fixture.agent.put("app/a", "");
    let emptied = key.says(&["updated app/a=(524288 bytes)→"]).await;
    assert!(
        emptied.current.is_some(),
        "an empty value is not an absent key"
    );
}
