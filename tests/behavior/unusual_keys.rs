//! A watch sees a key come, change and go, whatever its name is.

use consul_watch::{Key, KeyPrefix, KvStore, Snapshot, Stop};
use consul_watch_harness::Fixture;

const NAMES: [&str; 23] = [
    "plain",
    "two words",
    "what?",
    "a?b=c&index=1",
    "part#section",
    "100%",
    "%2F",
    "a%20b",
    "a+b",
    "ключ/дом",
    "schlüssel",
    "🚀",
    "a🚀b/c",
    "a//b",
    "/lead",
    "//",
    "..",
    ".",
    "a/../b",
    "a/./b",
    "a/..",
    "trailing/",
    "quote\"back\\slash",
];

/// Returns the names without those that this release of Consul refuses: see `refused_names`.
fn accepted(fixture: &Fixture) -> impl Iterator<Item = &'static str> {
    let refused = |name: &&str| fixture.agent.refuses_name(name);
    NAMES.into_iter().filter(move |name| !refused(name))
}

#[actix_rt::test]
async fn as_a_key() {
    let fixture = Fixture::dev();
    for name in accepted(&fixture) {
        // A neighbor with the same beginning, so that a match is not by chance.
        fixture.agent.put(&format!("{name}x"), "neighbor");
        let mut feed = fixture.watch(Key::new(name)).await;
        assert!(
            feed.next(name).await.current.is_none(),
            "{name:?} is not there yet"
        );
        fixture.agent.put(name, "1");
        feed.says(&[&format!("added {name}=1")]).await;
        fixture.agent.put(name, "2");
        feed.says(&[&format!("updated {name}=1→2")]).await;
        fixture.agent.put(&format!("{name}x"), "another neighbor");
        fixture.agent.delete(name);
        feed.says(&[&format!("removed {name}=2")]).await;
        fixture.watches.send(Stop::all()).await.expect("it runs");
        fixture.agent.delete(&format!("{name}x"));
    }
}

#[actix_rt::test]
async fn as_a_folder() {
    let fixture = Fixture::dev();
    for name in accepted(&fixture) {
        let neighbor = format!("{}x", name.trim_end_matches('/'));
        fixture.agent.put(&neighbor, "neighbor");
        let mut feed = fixture.watch(KeyPrefix::new(name)).await;
        let first = feed.next(name).await;
        assert!(
            first.current.items().is_empty(),
            "{name:?} is empty: {first:?}"
        );
        let inside = if name.ends_with('/') {
            format!("{name}a b")
        } else {
            format!("{name}/a b")
        };
        for key in [name, &inside] {
            fixture.agent.put(key, "1");
            feed.says(&[&format!("added {key}=1")]).await;
            fixture.agent.put(key, "2");
            feed.says(&[&format!("updated {key}=1→2")]).await;
        }
        fixture.agent.put(&neighbor, "another neighbor");
        for key in [name, &inside] {
            fixture.agent.delete(key);
            feed.says(&[&format!("removed {key}=2")]).await;
        }
        fixture.watches.send(Stop::all()).await.expect("it runs");
        fixture.agent.delete(&neighbor);
    }
}

#[actix_rt::test]
async fn as_a_raw_prefix() {
    let fixture = Fixture::dev();
    for name in accepted(&fixture) {
        let mut feed = fixture.watch(KeyPrefix::raw(name)).await;
        feed.next(name).await;
        let longer = format!("{name}x?");
        fixture.agent.put(&longer, "1");
        feed.says(&[&format!("added {longer}=1")]).await;
        fixture.agent.delete(&longer);
        feed.says(&[&format!("removed {longer}=1")]).await;
        fixture.watches.send(Stop::all()).await.expect("it runs");
    }
}

/// The agent rejects such a URL, so the query is for all keys with the same beginning.
#[actix_rt::test]
async fn though_no_url_can_carry_it() {
    let fixture = Fixture::dev();
    let store = KvStore::connect(&fixture.config).expect("a client");
    for name in [
        "no\u{a0}break",
        "zero\u{200b}width",
        "line\nbreak",
        "\u{7f}",
    ] {
        let mut key = fixture.watch(Key::new(name)).await;
        let mut prefix = fixture.watch(KeyPrefix::new(name)).await;
        key.next(name).await;
        prefix.next(name).await;
        store.put(name, "1").await.expect("a write");
        key.says(&[&format!("added {name}=1")]).await;
        prefix.says(&[&format!("added {name}=1")]).await;
        store.delete(name).await.expect("a deletion");
        key.says(&[&format!("removed {name}=1")]).await;
        prefix.says(&[&format!("removed {name}=1")]).await;
    }
}

#[actix_rt::test]
async fn as_the_prefix_of_the_configuration() {
    let agent = consul_watch_harness::TestAgent::dev();
    let fixture = Fixture::of(agent, |config| config.with_prefix("my keys/ü?"));
    let mut key = fixture.watch(Key::new("a#b")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("")).await;
    key.next("the first delivery").await;
    prefix.next("the first delivery").await;
    fixture.agent.put("my keys/ü?/a#b", "1");
    key.says(&["added my keys/ü?/a#b=1"]).await;
    prefix.says(&["added my keys/ü?/a#b=1"]).await;
}
